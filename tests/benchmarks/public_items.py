"""How many items of public catalogs and test suites are read, by row and collection: a Markdown table.

    PYTHONPATH=tests/helpers python tests/benchmarks/public_items.py $IDGBR_DATA

reads the items of tests and of that folder. Fails where one ends in anything else than a scene or one sentence.
"""

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from stac_files import features

from catalogs import ROLES, CatalogError, read_scene
from catalogs.items.providers import PROVIDERS
from catalogs.items.recognise import provider_of
from pipeline.config.provider import ProviderSettings
from pipeline.scenes.draft import draft_provider

OF_TESTS = Path(__file__).parents[1] / "catalogs/items/real_items.json"
FOLDERS = ("stac_items", "sentinel2_l2a_33T")
NUMBERS = ("items", "read", "in doubt", "refused", "drafted", "crashed")
HEAD = ("row", "collections", "items", "read", "of these in doubt", "refused", "of these read by a draft", "crashed")
Item = Mapping[str, Any]


def items_of(folder: Path | None = None) -> Iterator[Item]:
    """Those that the tests carry, and those of the JSON files of a data folder."""
    for real in json.loads(OF_TESTS.read_text()):
        yield real["item"]
    for part in FOLDERS if folder else ():
        for path in sorted((folder / part).rglob("*json")):
            yield from features(path)


def count(items: Iterable[Item]) -> dict[str, Counter[str]]:
    """By row, or kind of refusal where no row fits: how many items end how, by kind of refusal, and of which
    collection they are, as `name`."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for item in items:
        row, outcomes = _read(item)
        collection = item.get("collection")
        table[row].update(("items", *outcomes, f"`{collection}`" if collection else "no collection"))
    return table


def _read(item: Item) -> tuple[str, tuple[str, ...]]:
    fits = None
    try:
        fits = next(row for row in PROVIDERS if row.name == provider_of(item).name)
        scene = read_scene(item, ROLES if set(ROLES) <= fits.bands.keys() else tuple(fits.bands))
    except CatalogError as error:
        refused = ("refused", *_by_draft(item))
        return (f"none: {kind(error)}", refused) if fits is None else (fits.name, (*refused, kind(error)))
    except Exception as error:  # noqa: BLE001 - a crash is a number of the table
        return "crashed", ("crashed", repr(error)[:200])
    return scene.provider, ("read", *(["in doubt"] if scene.doubt else []))


def _by_draft(item: Item) -> tuple[str, ...]:
    """Whether the item is read with the section that `idgbr provider` drafts for it as it is."""
    try:
        settings = ProviderSettings.model_validate(draft_provider([item]).provider)
        read_scene(item, tuple(settings.bands), provider=settings.row(str(item.get("collection", ""))))
    except (CatalogError, ValidationError):
        return ()
    except Exception as error:  # noqa: BLE001 - a crash is a number of the table
        return ("crashed", repr(error)[:200])
    return ("drafted",)


def kind(error: CatalogError) -> str:
    """A refusal without what is of one item: its id, its values, and what would be read instead."""
    said = re.split(r", but | \(", re.sub(r"^item \S+ ", "", str(error)))[0]
    return re.sub(r"'[^']*'|(?<![\w.])-?\d[\d.]*\b", "...", said)


def markdown(table: Mapping[str, Counter[str]]) -> str:
    lines = ["| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"]
    total: Counter[str] = Counter()
    for row, outcomes in sorted(table.items(), key=lambda each: (each[0].startswith("none"), -each[1]["items"])):
        total.update({key: outcomes[key] for key in NUMBERS})
        others = [key for key in sorted(outcomes) if key not in NUMBERS]
        collections = [key for key in others if key.startswith("`") or key == "no collection"]
        why = [f"{key} ({outcomes[key]})" for key in others if key not in collections]
        lines.append(_line("; ".join([row, *why]), ", ".join(collections), outcomes))
    return "\n".join([*lines, _line("all", "", total)])


def _line(row: str, collections: str, outcomes: Mapping[str, int]) -> str:
    return "| " + " | ".join((row, collections, *(str(outcomes[key]) for key in NUMBERS))) + " |"


if __name__ == "__main__":
    found = count(items_of(*map(Path, sys.argv[1:2])))
    print(markdown(found))
    sys.exit(any(outcomes["crashed"] for outcomes in found.values()))

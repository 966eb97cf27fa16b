"""The real items of IDGBR_DATA/stac_items: one file each, and those within recorded answers of servers."""

import json
from pathlib import Path


def real_items(folder):
    """(where, item) for each; hrefs beside the item become whole paths, as a static catalog's do."""
    folder = Path(folder)
    for path in sorted((folder / "items").glob("*.json")):
        yield path.stem, _with_whole_paths(json.loads(path.read_text()), path.parent)
    for path in sorted((folder / "search_responses").iterdir()):
        for number, item in enumerate(_within(json.loads(path.read_text()))):
            yield f"{path.stem}#{number}", item


def features(path):
    """The items of one JSON file, be it an item or an answer that holds some."""
    for item in _within(json.loads(path.read_text())):
        yield _with_whole_paths(item, path.parent)


def _within(value):
    if isinstance(value, dict) and value.get("type") == "Feature" and "assets" in value:
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _within(part)
    elif isinstance(value, str) and value.startswith("{"):
        yield from _within(json.loads(value))


def _with_whole_paths(item, folder):
    for asset in item["assets"].values():
        if "://" not in asset["href"]:
            asset["href"] = str((folder / asset["href"]).resolve())
    return item

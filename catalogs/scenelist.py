"""The durable list of the items a map is made from: stac-geoparquet, written before any pixel is read."""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from catalogs.errors import CatalogError
from catalogs.fields import identity, moment


def write(path: str | Path, items: Sequence[Mapping[str, Any]]) -> None:
    """Write the items as one stac-geoparquet file, which appears whole or not at all; CatalogError when empty."""
    import rustac

    if not items:
        raise CatalogError("no scenes found: widen the region or the period, or allow more cloud")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        draft = Path(folder) / "items.parquet"
        try:
            rustac.write_sync(str(draft), [dict(item) for item in items])
        except rustac.RustacError as error:
            raise CatalogError(f"the {len(items)} items do not fit into one list at {path}: {error}") from error
        with draft.open("r+b") as file:
            os.fsync(file.fileno())
        draft.replace(path)


def read(path: str | Path) -> list[dict[str, Any]]:
    """The items of a list; CatalogError when the file is missing or is no such list."""
    import rustac

    path = Path(path)
    if not path.is_file():
        raise CatalogError(f"no scene list at {path}: make one by planning the region first")
    try:
        collection = rustac.read_sync(str(path), format="parquet", set_self_link=False)
    except rustac.RustacError as error:
        raise CatalogError(f"{path} cannot be read as a scene list: {error}") from error
    return collection["features"]


def merge(old: Iterable[dict[str, Any]], new: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The union by id, ordered by id; of two items with one id the later `updated` stays, the new one at a tie."""
    kept: dict[str, dict[str, Any]] = {}
    for item in (*old, *new):
        name = identity(item)
        if name not in kept or _updated(item) >= _updated(kept[name]):
            kept[name] = item
    return [kept[name] for name in sorted(kept)]


def _updated(item: Mapping[str, Any]) -> Any:
    return moment(item, "updated", "created", "datetime")

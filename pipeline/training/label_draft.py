"""A draft of the section `areas` of a recipe, from what somebody names as labels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalogs.errors import NoItems
from catalogs.items.class_table import classes_of
from catalogs.sample import first_items
from catalogs.search import find_collection
from catalogs.secrets import redact
from pipeline.cube.cube import Cube
from pipeline.errors import UserError

WORLDCOVER = "esa-worldcover"
VECTORS = {".gpkg", ".geojson", ".json", ".parquet", ".shp", ".fgb"}
ERODE = 1
"""Pixels taken off the borders of a map's labels."""


def draft_labels(labels: str, catalog: str, other: str | None = None, column: str | None = None) -> dict[str, Any]:
    """The keys of a labelled region but `region` and `bbox`.

    labels: a raster or vector file, a cube's folder or address, or a collection of `other`, else of `catalog`. column:
    of a vector file. Raises UserError, CatalogError and CatalogUnavailable.
    """
    path = Path(labels)
    if column is not None and path.suffix.lower() not in VECTORS:
        raise UserError(f"--column is of vector labels, but {labels!r:.80} is none; leave it out")
    if labels.startswith("s3://") or path.is_dir():
        if Cube.find(labels if labels.startswith("s3://") else path) is None:
            raise UserError(f"{labels} holds no cube; name a cube, a file or a collection by --labels")
        return {"kind": "cube", "cube": labels if labels.startswith("s3://") else str(path.resolve())}
    if path.is_file():
        if path.suffix.lower() not in VECTORS:
            return {"kind": "raster", "maps": [{"path": str(path.resolve())}], "erode": ERODE}
        if column is None:
            raise UserError(f"{labels} is a vector file; name the column that tells the class by --column")
        return {"kind": "vector", "path": str(path.resolve()), "column": column}
    where = {"catalog": other} if other is not None and other != catalog else {}
    label_map = {"collection": labels, "asset": _asset(other or catalog, labels), **where}
    return {"kind": "raster", "maps": [label_map], "erode": ERODE}


def _asset(catalog: str, collection: str) -> str:
    """The key of the one asset with a class table, else of the only raster. Raises UserError."""
    try:
        item = first_items(catalog, collection, 1)[0]
    except NoItems:
        raise UserError(
            f"{redact(catalog)} has no collection {collection!r:.80} with items, and there is no file or cube of that "
            "name; name labels by --labels, or the catalog that has them by --labels-catalog"
        ) from None
    tables = (find_collection(catalog, collection) or {}).get("item_assets")
    of_collection = tables if isinstance(tables, Mapping) else {}
    assets = {key: asset for key, asset in item["assets"].items() if _is_raster(asset)}
    for keys in (
        [key for key, asset in assets.items() if classes_of(asset) or classes_of(of_collection.get(key))],
        list(assets),
    ):
        if len(keys) == 1:
            return str(keys[0])
    raise UserError(
        f"the collection {collection!r:.80} has not one asset that is a map but {', '.join(assets) or 'none':.200}; "
        "write a recipe by hand that names the asset (docs/labels.md)"
    )


def _is_raster(asset: Any) -> bool:
    if not isinstance(asset, Mapping):
        return False
    path = str(asset.get("href", "")).partition("?")[0].lower()
    return path.endswith((".tif", ".tiff")) or str(asset.get("type", "")).startswith("image/tiff")

"""A static STAC catalog of a version: a collection, an item a period with its COGs, and an item of the model."""

import json
import time as clock
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rasterio

from catalogs.atomic import atomic_write
from pipeline.cube.cube import Cube
from pipeline.cube.items import damaged_item, item_of_period, model_of_period
from pipeline.cube.periods import periods_of
from pipeline.cube.store import array
from pipeline.errors import UserError
from pipeline.export.cog import write_cog
from pipeline.export.source import Source, open_source
from pipeline.export.target import PARTS, Exported, Progress, resumable, size_of

if TYPE_CHECKING:
    import pystac

RASTER_SCHEMA = "https://stac-extensions.github.io/raster/v2.0.0/schema.json"
COG = "image/tiff; application=geotiff; profile=cloud-optimized"


def export_stac(
    cube: Cube,
    target: str | Path,
    names: Sequence[str] = ("landcover",),
    version: str | None = None,
    start: date | None = None,
    workers: int = 2,
    progress: Progress | None = None,
) -> Exported:
    """Writes a folder with collection.json, and for each period, or that from `start`, an item and a COG of each array.

    Items are those that the runs left, with the COGs as assets (extensions projection, raster and classification), and
    a link to the item of the model (extension mlm) where the run left one. Links and assets of the folder are relative,
    so that it can be moved. Raises UserError for a period without an item, RunError for a damaged one, and what
    `open_source`, `Source.check_names` and `resumable` raise.
    """
    begun, target = clock.monotonic(), Path(target)
    first = open_source(cube, version, start)
    first.check_names(names)
    starts = [each for each, _ in periods_of(first.group)] if start is None else [start]
    sources = [open_source(cube, first.version, each) for each in starts]
    request = {**first.request(), "kind": "stac", "period": str(start), "arrays": list(names)}
    with resumable(target, cube, request, ("",)) as scratch:
        folder = scratch / target.name
        items: list[pystac.Item] = []
        models: dict[str, pystac.Item] = {}
        for source in sources:
            item, model = _items(source)
            for name in names:
                file = folder / item.id / f"{item.id}-{name}.tif"
                write_cog(source, name, file, scratch / PARTS / f"{item.id}-{name}", workers, progress)
                _add_cog(item, source, name, file)
            items.append(item)
            if model is not None:
                models[model.id] = model
                item.add_link(_model_link(models[model.id]))
        _write_collection(folder, first, items, list(models.values()))
    files, size = size_of(target)
    return Exported("stac", target, first.version, starts, list(names), files, size, clock.monotonic() - begun)


def _items(source: Source) -> tuple["pystac.Item", "pystac.Item | None"]:
    """The items of a period's map and of its model."""
    start = str(source.period[0])
    found = item_of_period(source.cube, source.version, start)
    if found is None:
        raise UserError(
            f"no run has left a STAC item of the period from {start} in the cube at {source.cube.location}; run its "
            "region once more, which writes it anew"
        )
    model = model_of_period(source.cube, source.version, start)
    return _read(source.cube, found), None if model is None else _read(source.cube, model)


def _read(cube: Cube, found: dict[str, Any]) -> "pystac.Item":
    """An item of a cube. Raises RunError for one that pystac cannot read, place or write."""
    import pystac

    try:
        item = pystac.Item.from_dict(found)
        pystac.Extent.from_items([item])
        item.to_dict()
    except (pystac.STACError, pystac.STACTypeError, ValueError, TypeError, LookupError, AttributeError):
        raise damaged_item(cube, found["id"]) from None
    return item


def _model_link(model: "pystac.Item") -> "pystac.Link":
    import pystac

    return pystac.Link("mlm:model", model, media_type="application/geo+json", title="the model that made the map")


def _add_cog(item: "pystac.Item", source: Source, name: str, file: Path) -> None:
    """Adds a COG to an item as an asset, with what the file itself says."""
    import pystac
    from pystac.extensions.classification import ClassificationExtension

    from catalogs.stac_item import class_list

    full = array(source.group, name)
    with rasterio.open(file) as dataset:
        bands = [
            {"name": band, "data_type": dataset.dtypes[0], "nodata": dataset.nodata}
            for band in (source.layout.bands if name == "mosaic" else [name])
        ]
        fields: dict[str, Any] = {
            "bands": bands,
            "proj:shape": list(dataset.shape),
            "proj:transform": list(dataset.transform)[:6],
            "proj:bbox": list(dataset.bounds),
            "raster:spatial_resolution": dataset.res[0],
            "raster:sampling": "area",
        }
        if dataset.units[0]:
            fields["unit"] = dataset.units[0]
        if (dataset.scales[0], dataset.offsets[0]) != (1, 0):
            fields |= {"raster:scale": dataset.scales[0], "raster:offset": dataset.offsets[0]}
    item.add_asset(
        name,
        pystac.Asset(
            href=f"./{file.name}",
            title=str(full.attrs["long_name"]),
            media_type=COG,
            roles=["data"],
            extra_fields=fields,
        ),
    )
    if RASTER_SCHEMA not in item.stac_extensions:
        item.stac_extensions.append(RASTER_SCHEMA)
    if "flag_colors" in full.attrs:
        ClassificationExtension.ext(item.assets[name], add_if_missing=True).apply(
            classes=class_list(source.layout.classes)
        )


def _write_collection(
    folder: Path, source: Source, items: Sequence["pystac.Item"], models: Sequence["pystac.Item"]
) -> None:
    import pystac

    name = items[0].id[: -len("-2024-05-01")]
    collection = pystac.Collection(
        id=name,
        title=f"Land cover of {name}",
        description=f"Land cover of {name}, version {source.version}, from satellite scenes, refined at boundaries.",
        extent=pystac.Extent.from_items(items),
        license="other",
        catalog_type=pystac.CatalogType.SELF_CONTAINED,
    )
    collection.extra_fields["version"] = source.version
    collection.stac_extensions = ["https://stac-extensions.github.io/version/v1.2.0/schema.json"]
    collection.add_items([*items, *models])
    collection.normalize_hrefs(folder.as_posix())
    for item in (*items, *models):
        _write(Path(str(item.get_self_href())), item)
    _write(Path(str(collection.get_self_href())), collection)


def _write(file: Path, node: "pystac.STACObject") -> None:
    """Writes an item or a collection whose links are relative and that does not say where it lies."""
    with atomic_write(file) as draft:
        draft.write_text(json.dumps(node.to_dict(include_self_link=False), indent=2))

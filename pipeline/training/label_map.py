"""Labels from somebody's map: raster files, or the items of STAC collections."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import numpy as np

import catalogs
from catalogs import Query
from catalogs.access import ANYWHERE, Access
from catalogs.items.class_table import MapClass, classes_of
from catalogs.search import find_collection
from catalogs.secrets import redact
from pipeline.config.region import FIRST_DAY, LAST_DAY, Region
from pipeline.errors import RunError, UserError
from pipeline.geometry.grid import Grid, Window
from pipeline.raster.class_table import file_classes
from pipeline.raster.level import Part, Raster
from pipeline.raster.mode import mode
from pipeline.raster.read import inspect, read_part
from pipeline.raster.retry import ReadError
from pipeline.training.area_kinds import LabelMap, RasterLabels
from pipeline.training.label_source import LabelSource, agreed, check_mapping, class_rows, eroded


@dataclass(frozen=True)
class MapFiles:
    """The rasters of a map, those first that count where they overlap, and the class table that STAC gives them."""

    hrefs: tuple[str, ...]
    access: Access
    table: tuple[MapClass, ...]
    identity: Any


def open_label_maps(areas: RasterLabels, region: Region) -> LabelSource:
    """The labels of `areas` on a region's grid. Raises UserError and RunError."""
    grid = region.extent.grid
    maps = [_find(label_map, region) for label_map in areas.maps]
    first, mapping = maps[0], areas.maps[0].mapping
    where = areas.maps[0].path or areas.maps[0].collection
    table = () if areas.classes else first.table or _read_table(first)
    rows = class_rows(areas.classes, table, mapping, where)
    own = {row["code"]: row["code"] for row in rows}
    draws = []
    for label_map, files in zip(areas.maps, maps, strict=True):
        check_mapping(label_map.mapping, rows)
        draws.append(eroded(_draw(grid, files, label_map.mapping or own), areas.erode))
    identity = [[files.identity, sorted(each.mapping.items())] for files, each in zip(maps, areas.maps, strict=True)]
    return LabelSource(rows, identity, agreed(draws))


def _find(label_map: LabelMap, region: Region) -> MapFiles:
    if label_map.path is not None:
        return _file(label_map.path)
    assert label_map.collection is not None and label_map.asset is not None, "checked: path or collection and asset"
    own = region if label_map.catalog is None else region.model_copy(update={"catalog": label_map.catalog})
    first, last = label_map.period or (FIRST_DAY, LAST_DAY)
    start, end = datetime.combine(first, time.min, UTC), datetime.combine(last, time.max, UTC)
    query = Query(own.catalog, label_map.collection, region.searched, start, end)
    result = catalogs.search_with_refusals(query, maps=True)
    items = sorted(result.items, key=_when, reverse=True)
    where = f"the collection {label_map.collection!r}"
    if not items:
        why = next(iter(result.refusals.values()), "name another collection or period")
        raise UserError(f"{where} of {redact(own.catalog)} has no items for the region {region.name}: {why}")
    for item in items:
        if label_map.asset not in item.get("assets", {}):
            held = ", ".join(item.get("assets", {}))
            raise UserError(f"{where} has no asset {label_map.asset!r} in item {item['id']}; it has {held:.200}")
    assets = [item["assets"][label_map.asset] for item in items]
    table = classes_of(assets[0]) or _collection_table(own.catalog, label_map.collection, label_map.asset)
    hrefs = tuple(str(asset.get("href")) for asset in assets)
    identity = [own.catalog, label_map.collection, label_map.asset, str(label_map.period)]
    return MapFiles(hrefs, own.access, tuple(table), identity)


def _file(path: Path) -> MapFiles:
    try:
        status = path.stat()
    except OSError as error:
        raise UserError(f"the map {path} cannot be read ({error.strerror}); give a raster file") from None
    href = str(path.resolve())
    return MapFiles((href,), ANYWHERE, (), [href, status.st_size, status.st_mtime_ns])


def _collection_table(catalog: str, collection: str, asset: str) -> list[MapClass]:
    """The table of the collection's `item_assets`; [] where there is none to be had."""
    assets = (find_collection(catalog, collection) or {}).get("item_assets")
    return classes_of(assets.get(asset)) if isinstance(assets, Mapping) else []


def _read_table(files: MapFiles) -> Sequence[MapClass]:
    with _errors(files):
        return file_classes(files.hrefs[0], files.access)


def _draw(grid: Grid, files: MapFiles, mapping: Mapping[int, int]) -> Callable[[Window], np.ndarray]:
    def one(href: str, window: Window) -> np.ndarray:
        raster = inspect(href, None, files.access)
        return mode(grid, window, raster, reader(href, raster, files.access, mapping))

    def draw(window: Window) -> np.ndarray:
        label_HW = np.zeros(window.shape, np.uint8)
        for href in files.hrefs:
            with _errors(files):
                label_HW = np.where(label_HW == 0, one(href, window), label_HW)
            if label_HW.all():
                break
        return label_HW

    return draw


def reader(href: str, raster: Raster, access: Access, mapping: Mapping[int, int]) -> Callable[[Part], np.ndarray]:
    """Reads parts of a raster's band 1 as class codes, uint8 HW: 0 for values that are not mapped and for no data."""
    values_N, codes_N = np.array(sorted(mapping)), np.array([mapping[value] for value in sorted(mapping)], np.uint8)
    none = next((value for value in range(256) if value not in mapping), 0)

    def read(part: Part) -> np.ndarray:
        value_HW = read_part(href, raster, part, access, nodata=none, codes=tuple(mapping))
        at_HW = np.searchsorted(values_N, value_HW).clip(max=len(values_N) - 1)
        return np.where(values_N[at_HW] == value_HW, codes_N[at_HW], 0).astype(np.uint8)

    return read


@contextmanager
def _errors(files: MapFiles) -> Iterator[None]:
    """What cannot be read of a local file is the user's error, of a remote one the run's."""
    try:
        yield
    except ReadError as error:
        kind = UserError if files.access is ANYWHERE else RunError
        raise kind(f"labels cannot be read: {error}") from None


def _when(item: Mapping[str, Any]) -> str:
    properties = item.get("properties", {})
    return str(properties.get("datetime") or properties.get("start_datetime") or "")

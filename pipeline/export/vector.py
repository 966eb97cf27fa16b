"""Polygons of the classes of a map as GeoParquet, GeoPackage or PMTiles."""

import errno
import json
import math
import time as clock
from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyogrio
import shapely
import zarr
from pyarrow import parquet
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS

from catalogs.atomic import atomic_write
from cluster import gather
from pipeline.cube.cube import Cube
from pipeline.cube.schema import Layout
from pipeline.errors import UserError
from pipeline.export.parts import corners, region_window
from pipeline.export.polygons import SIDE, Area, merge, polygonize, save
from pipeline.export.source import Source, open_source
from pipeline.export.target import PARTS, Exported, Progress, resumable, size_of
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Window

DRIVERS = {".gpkg": "GPKG", ".pmtiles": "PMTiles"}
SUFFIXES = (".parquet", *DRIVERS)
BATCH = 10_000
"""Polygons written at once."""
ZOOMS = 8
"""Zooms of PMTiles above the finest one."""

SCHEMA = pa.schema(
    [
        ("code", pa.int32()),
        ("class", pa.string()),
        ("pixels", pa.int64()),
        ("hectares", pa.float64()),
        ("geometry", pa.binary()),
    ]
)


def export_polygons(
    cube: Cube,
    target: str | Path,
    classes: Sequence[str] | None = None,
    min_area: float = 0.0,
    simplify: float | None = None,
    version: str | None = None,
    start: date | None = None,
    tile: int | None = None,
    workers: int = 2,
    progress: Progress | None = None,
) -> Exported:
    """Writes the areas of the classes of `landcover` in one period as polygons: code, class, pixels and hectares.

    An area is connected over pixel sides, across blocks; with `tile`, areas are cut at squares of so many blocks, which
    bounds memory. `classes`: names of those to write, all by default. Areas of less than `min_area` hectares are left
    out. `simplify`: tolerance in metres, by default a pixel, 0 for the sides of the pixels; what two areas share stays
    shared. Pixels and hectares are those before simplification; hectares are true on an equal-area grid. Raises
    UserError for an unknown class, for PMTiles of a map that Web Mercator cuts, and what `open_source` and `resumable`
    raise.
    """
    begun, target = clock.monotonic(), Path(target)
    source = open_source(cube, version, start)
    layout, region = source.layout, region_window(source)
    codes = _codes(layout, classes)
    if target.suffix.lower() == ".pmtiles":
        _check_whole_in_mercator(layout.extent)
    size = layout.extent.grid.resolution
    tolerance = 1.0 if simplify is None else simplify / size
    request = {
        **source.request(),
        "kind": "vector",
        "codes": codes,
        "min_area": min_area,
        "simplify": tolerance,
        "tile": tile,
    }
    with resumable(target, cube, request, SUFFIXES) as scratch:
        if not (scratch / target.name).exists():
            parts = scratch / PARTS
            windows = _write_pieces(source, region, tolerance, parts, workers, progress)
            side = math.inf if tile is None else tile * layout.extent.grid.block
            areas = (
                area
                for area in _areas(windows, parts, side)
                if area.code in codes and area.pixels * size**2 >= min_area * 10_000
            )
            with atomic_write(scratch / target.name) as draft:
                _write(draft, areas, layout)
    files, written = size_of(target)
    periods = [source.period[0]]
    return Exported("vector", target, source.version, periods, ["landcover"], files, written, clock.monotonic() - begun)


def _write_pieces(
    source: Source, region: Window, tolerance: float, parts: Path, workers: int, progress: Progress | None
) -> list[Window]:
    """Writes the polygons of each piece of a window of the map's arrays into a folder; returns their windows."""
    windows = [Window(y, x, y + SIDE, x + SIDE) & region for y, x in corners(region, SIDE)]
    parts.mkdir(exist_ok=True)
    count = None if progress is None else (lambda done, total: progress(done, total, "pieces"))
    write = partial(_write_piece, source.pyramid("landcover")[0], source.time, source.layout, tolerance, parts)
    gather(write, windows, workers=workers, progress=count)
    return windows


def _check_whole_in_mercator(extent: Extent) -> None:
    west, south, east, north = extent.grid.lonlat_bounds(extent.window)
    if west > east or south <= -90 or north >= 90:
        raise UserError(
            "the map lies across the antimeridian or around a pole, where Web Mercator, in which PMTiles are, is cut; "
            "name a .gpkg or .parquet file"
        )


def _codes(layout: Layout, classes: Sequence[str] | None) -> list[int]:
    known = {row["name"]: row["code"] for row in layout.classes}
    for name in classes or ():
        if name not in known:
            raise UserError(f"the map has no class {name!r}; give some of {', '.join(known)}")
    return sorted(known[name] for name in classes or known)


def _piece_file(parts: Path, window: Window) -> Path:
    return parts / f"{window.y0}-{window.x0}.npz"


def _write_piece(
    landcover: zarr.Array, time: int, layout: Layout, tolerance: float, parts: Path, window: Window
) -> None:
    """Writes the polygons of a window of the map's arrays, unless they are there."""
    file = _piece_file(parts, window)
    if not file.exists():
        code_HW = np.asarray(landcover[time, *window.slices((0, 0))])
        row, col = layout.extent.origin
        save(polygonize(code_HW, (row + window.y0, col + window.x0), layout.extent.grid.resolution, tolerance), file)


def _areas(windows: Sequence[Window], parts: Path, side: float) -> Iterator[Area]:
    tiles: dict[tuple[int, int], dict[tuple[int, int], Path]] = {}
    for window in windows:
        tile = int(window.y0 // side), int(window.x0 // side)
        tiles.setdefault(tile, {})[window.y0 // SIDE, window.x0 // SIDE] = _piece_file(parts, window)
    for files in tiles.values():
        yield from merge(files)


def _write(file: Path, areas: Iterator[Area], layout: Layout) -> None:
    file.unlink(missing_ok=True)
    crs = CRS(layout.extent.grid.crs)
    batches = _batches(areas, layout)
    if file.suffix.lower() == ".parquet":
        _write_parquet(file, batches, crs)
        return
    zoom = _zoom(layout)
    zooms = {"MINZOOM": str(max(zoom - ZOOMS, 0)), "MAXZOOM": str(zoom)}
    options = zooms if file.suffix.lower() == ".pmtiles" else {}
    reader = pa.RecordBatchReader.from_batches(SCHEMA, batches)
    try:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "1970-01-01T00:00:00Z"})
        pyogrio.write_arrow(
            reader,
            file,
            layer="landcover",
            driver=DRIVERS[file.suffix.lower()],
            geometry_name="geometry",
            geometry_type="Polygon",
            crs=crs.to_wkt(),
            **options,
        )
        pyogrio.read_info(file)
    except (DataSourceError, DataLayerError) as error:
        raise OSError(errno.ENOSPC, f"GDAL could not write all of it, as on a full disk: {error!s:.100}") from error


def _zoom(layout: Layout) -> int:
    """The Web Mercator zoom whose pixels, 256 a tile, are about as large as those of the map."""
    return min(max(round(math.log2(156_543 / layout.extent.grid.resolution)), 0), 16)


def _batches(areas: Iterator[Area], layout: Layout) -> Iterator[pa.RecordBatch]:
    names = {row["code"]: row["name"] for row in layout.classes}
    hectares = layout.extent.grid.resolution**2 / 10_000
    while batch := list(islice(areas, BATCH)):
        columns = [
            [area.code for area in batch],
            [names[area.code] for area in batch],
            [area.pixels for area in batch],
            [area.pixels * hectares for area in batch],
            shapely.to_wkb([area.polygon for area in batch]),
        ]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
        yield pa.record_batch(arrays, schema=SCHEMA)


def _write_parquet(file: Path, batches: Iterator[pa.RecordBatch], crs: CRS) -> None:
    """GeoParquet 1.1 (https://geoparquet.org/releases/v1.1.0), a row group a batch."""
    bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])
    kinds: set[str] = set()
    with parquet.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
        for batch in batches:
            polygons = shapely.from_wkb(batch.column("geometry").to_pylist())
            kinds |= {polygon.geom_type for polygon in polygons}
            left, bottom, right, top = shapely.total_bounds(polygons)
            bounds = np.array([*np.minimum(bounds[:2], (left, bottom)), *np.maximum(bounds[2:], (right, top))])
            writer.write_batch(batch)
        column = {"encoding": "WKB", "geometry_types": sorted(kinds), "crs": crs.to_json_dict()}
        column |= {"bbox": bounds.tolist()} if kinds else {}
        geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
        writer.add_key_value_metadata({"geo": json.dumps(geo)})

"""Labels from polygons or points."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import shapely
from pyproj import CRS
from rasterio.features import rasterize
from rasterio.transform import from_origin

from pipeline.config.region import Region
from pipeline.errors import UserError
from pipeline.geometry.grid import Grid, Window, transformer
from pipeline.geometry.project import on_grid
from pipeline.geometry.vectors import POINTS, POLYGONS, column, read_vectors
from pipeline.training.area_kinds import VectorLabels
from pipeline.training.label_source import MAX_CODE, PALETTE, ClassRows, LabelSource, check_mapping, eroded

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

TOLERANCE = 0.1
"""Pixels by which an edge may stray where it is brought to the grid."""


def open_vector_labels(
    areas: VectorLabels, region: Region, kept: tuple[str, Sequence[str], bool] | None = None
) -> LabelSource:
    """The labels of `areas` on a region's grid: of pixels whose centre a polygon covers, or that contain a point.

    Pixels of features of different classes have none.

    kept: a column, values of it, and whether the features of these values are used, or all others. Raises UserError.
    """
    frame = read_vectors(areas.path, (*POLYGONS, *POINTS), areas.layer)
    texts = [_plain(text) for text in column(frame, areas.column, areas.path)]
    rows, code_of = _classes(areas, texts)
    code_N = np.array([code_of.get(text, 0) for text in texts], np.uint8)
    if kept is not None:
        name, values, used = kept
        held = [_plain(text) for text in column(frame, name, areas.path)]
        if missing := [value for value in values if value not in held]:
            raise UserError(f"the column {name!r} of {areas.path} has no {missing[0]!r}; it has {_most(held)}")
        code_N[np.isin(held, list(values)) != used] = 0
    if not code_N.any():
        raise UserError(f"no feature of {areas.path} has a class; its column {areas.column!r} has {_most(texts)}")
    shape_N = _on_grid(frame, region)
    status = areas.path.stat()
    identity = [str(areas.path), status.st_size, status.st_mtime_ns, areas.layer, areas.column, code_of, kept]
    grid, tree = region.extent.grid, shapely.STRtree(shape_N)

    def draw(window: Window) -> np.ndarray:
        near_M = tree.query(shapely.box(*grid.bounds(window)))
        return burn(grid, window, shape_N[near_M], code_N[near_M])

    return LabelSource(rows, identity, eroded(draw, areas.erode))


def burn(grid: Grid, window: Window, shape_N: np.ndarray, code_N: np.ndarray) -> np.ndarray:
    """Class codes of shapes in the grid's CRS, uint8 HW; 0 where none or different ones cover a pixel's centre.

    Codes of 0 are left out.
    """
    left, _, _, top = grid.bounds(window)
    transform = from_origin(left, top, grid.resolution, grid.resolution)
    label_HW, torn_HW = np.zeros(window.shape, np.uint8), np.zeros(window.shape, bool)
    for code in np.unique(code_N[code_N > 0]):
        shapes = [shape for shape in shape_N[code_N == code] if not shape.is_empty]
        if shapes:
            covered_HW = rasterize(shapes, window.shape, transform=transform, dtype=np.uint8).astype(bool)
            torn_HW |= covered_HW & (label_HW > 0)
            label_HW[covered_HW] = code
    label_HW[torn_HW] = 0
    return label_HW


def _classes(areas: VectorLabels, texts: Sequence[str]) -> tuple[ClassRows, dict[str, int]]:
    """The class table, and the code of each value of the column."""
    if areas.classes is not None:
        rows: ClassRows = tuple(row.model_dump() for row in areas.classes)
        check_mapping(areas.mapping, rows)
        own = {str(row[key]): row["code"] for row in rows for key in ("code", "name")}
        return rows, areas.mapping or own
    code_of = areas.mapping or _own_codes(areas, sorted({*texts} - {""}))
    names = {code: ", ".join(text for text in code_of if code_of[text] == code) for code in sorted(code_of.values())}
    rows = tuple(
        {"code": code, "name": name, "color": PALETTE[number % len(PALETTE)]}
        for number, (code, name) in enumerate(names.items())
    )
    return rows, code_of


def _own_codes(areas: VectorLabels, values: Sequence[str]) -> dict[str, int]:
    """The values as codes where all are whole numbers in 1..255, else numbered in their order."""
    if not 2 <= len(values) <= MAX_CODE:
        raise UserError(
            f"the column {areas.column!r} of {areas.path} has {len(values)} different values, but there must be 2 to "
            f"{MAX_CODE} classes; name 'mapping' (value: code) in the recipe"
        )
    if all(value.isdecimal() and 1 <= int(value) <= MAX_CODE for value in values):
        return {value: int(value) for value in values}
    return {value: number for number, value in enumerate(values, 1)}


def _on_grid(frame: "GeoDataFrame", region: Region) -> np.ndarray:
    shapes = np.asarray(frame.geometry.array)
    crs, extent = CRS(frame.crs), region.extent
    result = shapes.copy()
    point_N = shapely.get_type_id(shapes) == shapely.GeometryType.POINT
    result[~point_N] = on_grid(shapes[~point_N], crs, extent, TOLERANCE * extent.grid.resolution)
    if point_N.any():
        xy = shapely.get_coordinates(shapes[point_N])
        result[point_N] = shapely.points(*transformer(crs.to_wkt(), extent.grid.crs).transform(*xy.T))
    return result


def _plain(text: str) -> str:
    """A whole number that a table has made a float is written as a whole number."""
    return text[:-2] if text.endswith(".0") and text[:-2].lstrip("-").isdecimal() else text


def _most(texts: Sequence[str]) -> str:
    counts = Counter(texts)
    return ", ".join(repr(text) for text, _ in counts.most_common(6)) + (" and others" if len(counts) > 6 else "")

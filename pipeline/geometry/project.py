"""Polygons from one CRS to another, with straight edges kept straight where they were drawn."""

import math
from typing import Any

import numpy as np
import shapely
from pyproj import CRS, Geod, Transformer
from shapely.geometry.base import BaseGeometry

from catalogs.area import Bounds, bbox_polygon, split_at_antimeridian
from pipeline.errors import UserError
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import LONLAT, NAMED

PARTS = np.array([0.25, 0.5, 0.75])
MOST_POINTS = 4096
"""On one edge."""
TEAR, DEGREES_TEAR = 1e6, 90.0
"""Metres and degrees by which an edge bows at least that a CRS tears, as where it is cut at the antimeridian."""
METRES_PER_DEGREE = 111_320.0
"""At the equator."""
LONG = 90.0
"""Degrees of an edge of a box: its way round the globe is not in doubt."""


def box_of(bounds: Bounds) -> BaseGeometry:
    """The box between west, south, east, north in degrees; west > east across the antimeridian.

    Raises CatalogError where they are no box.
    """
    return shapely.segmentize(bbox_polygon(*bounds), LONG)


def on_grid(shapes: Any, crs: CRS, extent: Extent, tolerance: float) -> np.ndarray:
    """Polygons of a CRS in the CRS of a grid; array of geometries, empty where one was.

    Edges are cut so finely that no point of them strays by more than `tolerance`, in metres. Polygons in longitude and
    latitude are cut to the surroundings of the extent, for the grid's CRS may not show all of the Earth; so are others
    that it tears. Raises UserError where the CRS of the grid cannot show a polygon.
    """
    if crs == CRS(extent.grid.crs):
        return np.asarray(shapes)
    if crs.is_geographic:
        shapes = _near(whole_at_antimeridian(shapes), crs, extent)
    tear = math.inf if crs.is_geographic else TEAR
    moved = _transform(shapes, Transformer.from_crs(crs, extent.grid.crs, always_xy=True), tolerance, tear)
    for at, shape in enumerate(moved):
        if not crs.is_geographic and not _finite(shape):
            moved[at] = _by_degrees(shapes[at], crs, extent, tolerance)
        if not _finite(moved[at]):
            raise UserError(f"polygon {at + 1} cannot be shown whole in {extent.grid.crs}; cut it to the cube's region")
    return _valid(moved)


def hectares(shapes: Any, crs: CRS) -> np.ndarray:
    """The area of each polygon on the ellipsoid, edges straight in their CRS; float64."""
    if crs.is_geographic:
        shapes = whole_at_antimeridian(shapes)
    to_equal_area = Transformer.from_crs(crs, NAMED["global"], always_xy=True)
    moved = _transform(shapes, to_equal_area, 0.1, TEAR)
    area_N = [
        shapely.area(there) if _finite(there) else _geodesic_area(here, crs)
        for here, there in zip(shapes, moved, strict=True)
    ]
    return np.array(area_N, float) / 1e4


def rings_of(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rings of polygons, and for each ring which polygon it is of; `shapely.get_rings` knows no MultiPolygons."""
    parts, owner_P = shapely.get_parts(shapes, return_index=True)
    rings, part_R = shapely.get_rings(parts, return_index=True)
    return rings, owner_P[part_R]


def whole_at_antimeridian(shapes: Any) -> np.ndarray:
    """Polygons in degrees within +-180 of longitude: those beyond are cut there and turned back.

    Raises UserError for an edge that spans more than half of the globe: which way it goes cannot be told.
    """
    polygons = np.array(shapes, dtype=object)
    rings, owner_N = rings_of(polygons)
    coordinates, ring_N = shapely.get_coordinates(rings, return_index=True)
    span_N = abs(np.diff(coordinates[:, 0]))
    pole_N = (abs(coordinates[:-1, 1]) > 89.99) & (abs(coordinates[1:, 1]) > 89.99)
    wide_N = (np.diff(ring_N) == 0) & (span_N > 180) & (span_N < 359.99) & ~pole_N
    if wide_N.any():
        at = owner_N[ring_N[:-1][wide_N][0]]
        raise UserError(
            f"polygon {at + 1} has an edge of {span_N[wide_N][0]:.0f} degrees of longitude: cut it at the antimeridian "
            "into a MultiPolygon (RFC 7946, 3.1.9), or count its longitudes on beyond 180"
        )
    west_N, _, east_N, _ = shapely.bounds(polygons).T
    for at in np.flatnonzero((west_N < -180) | (east_N > 180)):
        polygons[at] = split_at_antimeridian(polygons[at])
    return polygons


def _near(shapes: np.ndarray, crs: CRS, extent: Extent) -> np.ndarray:
    """What of polygons in degrees lies within a quarter of an extent's size around it.

    All of it where that is wider than half of the globe, as around a pole.
    """
    left, bottom, right, top = extent.grid.bounds(extent.window)
    pad = max(right - left, top - bottom) / 4
    outline = shapely.segmentize(shapely.box(left - pad, bottom - pad, right + pad, top + pad), pad / 16)
    back = Transformer.from_crs(extent.grid.crs, crs, always_xy=True)
    lon_N, lat_N = back.transform(*shapely.get_coordinates(outline).T)
    if not np.isfinite(lon_N).all() or np.ptp(lon_N := np.unwrap(lon_N, period=360)) > 180:
        return shapes
    west, east = min(lon_N), max(lon_N)
    turns = [turn for turn in (-360, 0, 360) if west + turn < 180 and east + turn > -180]
    boxes = [shapely.box(west + turn, min(lat_N), east + turn, max(lat_N)) for turn in turns]
    return shapely.intersection(shapes, boxes[0] if len(boxes) == 1 else shapely.union_all(boxes))


def _finite(shape: BaseGeometry) -> bool:
    return bool(np.isfinite(shapely.get_coordinates(shape)).all())


def _geodesic_area(shape: BaseGeometry, crs: CRS) -> float:
    """The area, in m2, of a polygon that may lie across the antimeridian or around a pole."""
    to_lonlat, geod = Transformer.from_crs(crs, LONLAT, always_xy=True), Geod(ellps="WGS84")
    area = 0.0
    for part in shapely.get_parts(shape):
        rings = (_ring(ring, to_lonlat, 1e-6, math.inf) for ring in (part.exterior, *part.interiors))
        outer, *holes = (abs(geod.polygon_area_perimeter(*lonlat_N2.T)[0]) for lonlat_N2 in rings)
        area += outer - sum(holes)
    return area


def _by_degrees(shape: BaseGeometry, crs: CRS, extent: Extent, tolerance: float) -> BaseGeometry:
    """What of a polygon lies around an extent, on its grid; not finite across the antimeridian or around a pole."""
    to_lonlat = Transformer.from_crs(crs, LONLAT, always_xy=True)
    degrees = _transform([shape], to_lonlat, tolerance / METRES_PER_DEGREE, DEGREES_TEAR)
    if not _finite(degrees[0]):
        return degrees[0]
    near = _near(shapely.segmentize(_valid(degrees), LONG), CRS(LONLAT), extent)
    (moved,) = _transform(near, Transformer.from_crs(LONLAT, extent.grid.crs, always_xy=True), tolerance)
    return moved


def _transform(shapes: Any, transformer: Transformer, tolerance: float, tear: float = math.inf) -> np.ndarray:
    """Rings are rebuilt with points along each edge: as many as its bow, which shrinks with their square, demands.

    A ring that the other CRS tears, with a step in an edge that bows by more than `tear`, has no finite coordinates.
    """
    result = np.array(shapes, dtype=object)
    for at, shape in enumerate(result):
        parts = shapely.get_parts(shape)
        polygons = [
            shapely.Polygon(
                _ring(part.exterior, transformer, tolerance, tear),
                [_ring(hole, transformer, tolerance, tear) for hole in part.interiors],
            )
            for part in parts
            if part.geom_type == "Polygon" and not part.is_empty
        ]
        result[at] = polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
    return result


@np.errstate(invalid="ignore")
def _ring(ring: shapely.LinearRing, transformer: Transformer, tolerance: float, tear: float) -> np.ndarray:
    corner_N2 = shapely.get_coordinates(ring)
    edge_N2 = np.diff(corner_N2, axis=0)

    def move(points_N2: np.ndarray) -> np.ndarray:
        return np.stack(transformer.transform(*points_N2.T), axis=1)

    moved_N2 = move(corner_N2)
    bow_N = np.zeros(len(edge_N2))
    for part in PARTS:
        straight_N2 = moved_N2[:-1] + part * np.diff(moved_N2, axis=0)
        bow_N = np.maximum(bow_N, np.hypot(*(move(corner_N2[:-1] + part * edge_N2) - straight_N2).T))
    pieces_N = np.ceil(np.sqrt(np.where(np.isfinite(bow_N), bow_N, 0) / tolerance)).clip(1, MOST_POINTS).astype(int)
    edge_M = np.repeat(np.arange(len(edge_N2)), pieces_N)
    step_M = np.arange(len(edge_M)) - np.repeat(np.cumsum(pieces_N) - pieces_N, pieces_N)
    points_M2 = corner_N2[edge_M] + edge_N2[edge_M] * (step_M / pieces_N[edge_M])[:, None]
    ring_M2 = move(np.concatenate([points_M2, corner_N2[-1:]]))
    length_M = np.hypot(*np.diff(ring_M2, axis=0).T)
    torn = ((bow_N[edge_M] > tear) & (length_M > bow_N[edge_M] / 2)).any()
    return np.full_like(ring_M2, np.inf) if torn else ring_M2


def _valid(shapes: np.ndarray) -> np.ndarray:
    """Polygons that moved corners made to touch themselves, mended; empty ones stay."""
    bad_N = ~shapely.is_valid(shapes)
    shapes[bad_N] = shapely.make_valid(shapes[bad_N], method="structure", keep_collapsed=False)
    return shapes

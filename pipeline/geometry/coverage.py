"""How much of each pixel a polygon covers: exact weights where its border runs, spans where it covers pixels whole.

Each edge is cut at the sides of pixels. A piece covers, of its own pixel, the part to its right, and all pixels further
right by its height; summed along a row with the sign of its direction (Green's theorem) that is the covered area. Level
pieces have no height, but mark their pixels: those between marked ones are covered whole or not at all. No
geometry is clipped, so a polygon costs what its border costs, however large it is.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from pipeline.geometry.grid import Grid, Window
from pipeline.geometry.project import rings_of
from pipeline.geometry.spans import Spans, union

ROUNDING = 1e-9
"""Of a pixel: what is covered by so little is not covered, and what lacks so little is covered whole."""

TINY = 1e-100
"""Pixels."""


@dataclass(frozen=True)
class Edges:
    """Edges of polygons: the polygon's number, and (x, y) of both ends in pixels from the grid's origin, y southwards.

    The inside lies to the left of an edge on a map, where north is up.
    """

    owner_N: np.ndarray
    from_N2: np.ndarray
    to_N2: np.ndarray

    def take(self, which: np.ndarray) -> "Edges":
        return Edges(self.owner_N[which], self.from_N2[which], self.to_N2[which])


@dataclass(frozen=True)
class Coverage:
    """Covered pixels of a window.

    owners_Z: the polygons that have any; `owner` and the lines of `whole` count in these. cells: owner, row, column and
    weight (0 to 1, float64) of pixels that are covered in part. whole: spans of pixels that are covered whole; line =
    owner * rows of the window + row.
    """

    owners_Z: np.ndarray
    owner_N: np.ndarray
    row_N: np.ndarray
    col_N: np.ndarray
    weight_N: np.ndarray
    whole: Spans


def edges_of(shapes: Any, grid: Grid) -> Edges:
    """The edges of valid polygons in the grid's CRS."""
    rings, owner_R = rings_of(shapely.orient_polygons(np.asarray(shapes, dtype=object)))
    point_N2, ring_N = shapely.get_coordinates(rings, return_index=True)
    point_N2 = point_N2 * (1 / grid.resolution, -1 / grid.resolution)
    same_N = ring_N[1:] == ring_N[:-1]
    return Edges(owner_R[ring_N[:-1][same_N]], point_N2[:-1][same_N], point_N2[1:][same_N])


def coverage(edges: Edges, window: Window) -> Coverage:
    """The covered pixels of a window; rows and columns count from its corner."""
    rows, cols = window.shape
    near = clip(edges, window)
    owners_Z, owner_E = np.unique(near.owner_N, return_inverse=True)
    part = cut(cut(Edges(owner_E, near.from_N2, near.to_N2), axis=1), axis=0)
    height_N = part.to_N2[:, 1] - part.from_N2[:, 1]
    middle_N2 = (part.from_N2 + part.to_N2) / 2
    row_N = np.floor(middle_N2[:, 1]).astype(np.int64).clip(0, rows - 1)
    col_N = np.floor(middle_N2[:, 0]).astype(np.int64).clip(0, cols)
    key_N = (part.owner_N * rows + row_N) * (cols + 1) + col_N
    order_N = np.argsort(key_N, kind="stable")
    key_N = key_N[order_N]
    first_M = np.flatnonzero(np.diff(key_N, prepend=-1))
    key_M = key_N[first_M]
    height_M, area_M = (
        np.add.reduceat(part_N[order_N], first_M) if len(first_M) else np.zeros(0)
        for part_N in (height_N, height_N * (col_N + 1 - middle_N2[:, 0]))
    )
    right_M = np.cumsum(height_M)
    weight_M = right_M - height_M + area_M
    line_M, col_M = np.divmod(key_M, cols + 1)
    next_M = np.append(np.where(line_M[1:] == line_M[:-1], col_M[1:], 0), 0)[: len(key_M)]
    run_M = (next_M > col_M + 1) & (right_M > 0.5)
    full_M = (weight_M > 1 - ROUNDING) & (col_M < cols)
    whole = Spans(
        np.concatenate([line_M[run_M], line_M[full_M]]),
        np.concatenate([col_M[run_M] + 1, col_M[full_M]]),
        np.concatenate([next_M[run_M], col_M[full_M] + 1]),
    )
    some_M = (weight_M > ROUNDING) & ~full_M & (col_M < cols)
    owner_M, row_M = np.divmod(line_M[some_M], rows)
    return Coverage(owners_Z, owner_M, row_M, col_M[some_M], weight_M[some_M], union(whole))


def clip(edges: Edges, window: Window) -> Edges:
    """Edges from a window's corner, cut to its rows; what lies left or right of it is moved to its side."""
    rows, cols = window.shape
    y_N2 = np.stack([edges.from_N2[:, 1], edges.to_N2[:, 1]], axis=1)
    lies_N = (y_N2.max(1) > window.y0) & (y_N2.min(1) < window.y1)
    part = edges.take(lies_N)
    start_N2, end_N2 = (ends_N2 - (window.x0, window.y0) for ends_N2 in (part.from_N2, part.to_N2))
    slope_N = _ratio(end_N2[:, 0] - start_N2[:, 0], end_N2[:, 1] - start_N2[:, 1])
    cut = [_at_height(ends_N2, start_N2, slope_N, ends_N2[:, 1].clip(0, rows)) for ends_N2 in (start_N2, end_N2)]
    part = Edges(part.owner_N, *cut)
    for side in (0, cols):
        part = _cut_at(part, side)
    return Edges(part.owner_N, *(ends_N2.clip((0, 0), (cols, rows)) for ends_N2 in (part.from_N2, part.to_N2)))


def _at_height(ends_N2: np.ndarray, start_N2: np.ndarray, slope_N: np.ndarray, y_N: np.ndarray) -> np.ndarray:
    moved_N = start_N2[:, 0] + (y_N - start_N2[:, 1]) * slope_N
    return np.stack([np.where(y_N == ends_N2[:, 1], ends_N2[:, 0], moved_N), y_N], axis=1)


def _cut_at(edges: Edges, x: float) -> Edges:
    start_N2, end_N2 = edges.from_N2, edges.to_N2
    crosses_N = (start_N2[:, 0] - x) * (end_N2[:, 0] - x) < 0
    a_M2, b_M2 = start_N2[crosses_N], end_N2[crosses_N]
    part_M = (x - a_M2[:, 0]) / (b_M2[:, 0] - a_M2[:, 0])
    cut_M2 = np.stack([np.full(len(a_M2), float(x)), a_M2[:, 1] + part_M * (b_M2[:, 1] - a_M2[:, 1])], axis=1)
    stays = edges.take(~crosses_N)
    owner_M = edges.owner_N[crosses_N]
    return Edges(
        np.concatenate([stays.owner_N, owner_M, owner_M]),
        np.concatenate([stays.from_N2, a_M2, cut_M2]),
        np.concatenate([stays.to_N2, cut_M2, b_M2]),
    )


def cut(edges: Edges, axis: int, step: int = 1) -> Edges:
    """Edges cut where a coordinate is a multiple of `step`; the parts of an edge in its direction."""
    start_E, end_E = edges.from_N2[:, axis], edges.to_N2[:, axis]
    other_E, slope_E = edges.from_N2[:, 1 - axis], edges.to_N2[:, 1 - axis] - edges.from_N2[:, 1 - axis]
    slope_E = _ratio(slope_E, end_E - start_E)
    first_E = np.floor(np.minimum(start_E, end_E) / step) + 1
    last_E = np.ceil(np.maximum(start_E, end_E) / step) - 1
    points_E = np.maximum(last_E - first_E + 1, 0).astype(np.int64) + 2
    stop_E = np.cumsum(points_E)
    begin_E = stop_E - points_E
    way_E = np.where(end_E < start_E, -step, step)
    origin_E = np.where(end_E < start_E, last_E, first_E) * step - way_E * (begin_E + 1.0)
    point_M2 = np.empty((int(stop_E[-1]) if len(stop_E) else 0, 2))
    line_M = np.repeat(origin_E, points_E) + np.repeat(way_E, points_E) * np.arange(len(point_M2))
    point_M2[:, axis] = line_M
    line_M -= np.repeat(start_E, points_E)
    line_M *= np.repeat(slope_E, points_E)
    line_M += np.repeat(other_E, points_E)
    point_M2[:, 1 - axis] = line_M
    point_M2[begin_E], point_M2[stop_E - 1] = edges.from_N2, edges.to_N2
    part_N = np.arange(len(point_M2) - len(stop_E)) + np.repeat(np.arange(len(stop_E)), points_E - 1)
    return Edges(np.repeat(edges.owner_N, points_E - 1), point_M2[part_N], point_M2[part_N + 1])


def _ratio(a_N: np.ndarray, b_N: np.ndarray) -> np.ndarray:
    """a / b; 0 where b is nothing, for what is so short crosses no side of a pixel."""
    return np.divide(a_N, b_N, out=np.zeros_like(a_N), where=abs(b_N) > TINY)

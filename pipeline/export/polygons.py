"""Polygons of a class map, made in pieces of bounded size whose borders stay, so that they fit together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
import shapely
from rasterio.features import shapes
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from catalogs.atomic import atomic_write

SIDE = 512
"""Pixels of a side of a piece, at most. The time of a simplification grows faster than the number of its vertices."""

_SHAPES = Lock()
"""rasterio silences a warning of its own by `warnings.catch_warnings`, not safe in threads, and holds the GIL."""


@dataclass(frozen=True)
class Piece:
    """The areas of one class each, connected over pixel sides, in a window of a map.

    code_N, pixels_N: class and size of each area. wkb_N: their polygons, in the map's CRS. edges: index of the area
    of each pixel along the top, bottom, left and right side.
    """

    code_N: np.ndarray
    pixels_N: np.ndarray
    wkb_N: np.ndarray
    edges: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def polygonize(code_HW: np.ndarray, corner: tuple[int, int], size: float, tolerance: float) -> Piece:
    """The areas of a window whose first pixel is `corner` (row, col) of the grid, of pixels of `size`.

    No data (0) is a class too. Borders within the window are simplified by `tolerance`, in pixels, each once for the
    areas on both sides (Visvalingam and Whyatt, 1993, as a coverage); the sides of the window stay.
    """
    area_HW, code_N = _areas(code_HW)
    polygon_N = np.empty(len(code_N), object)
    with _SHAPES:
        found = list(shapes(area_HW, connectivity=4))
    for geometry, area in found:
        shell, *holes = geometry["coordinates"]
        polygon_N[int(area)] = shapely.Polygon(shell, holes)
    if tolerance > 0:
        # In a coverage neighbours share vertices, also those where a third one begins.
        polygon_N = shapely.coverage_simplify(shapely.segmentize(polygon_N, 1), tolerance, simplify_boundary=False)
        polygon_N = shapely.simplify(polygon_N, 0)  # Points on straight lines, which are those of the window's sides.
    row, col = corner
    placed_N = shapely.transform(polygon_N, lambda at_N2: (at_N2 + np.array((col, row))) * (size, -size))
    edges = area_HW[0], area_HW[-1], area_HW[:, 0], area_HW[:, -1]
    return Piece(code_N, np.bincount(area_HW.ravel()), np.asarray(shapely.to_wkb(placed_N)), edges)


def _areas(code_HW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the area of each pixel, int32, and the class of each area."""
    area_HW = np.zeros(code_HW.shape, np.int32)
    codes: list[int] = []
    for code in np.unique(code_HW).tolist():
        label_HW, count = ndimage.label(code_HW == code)
        area_HW += np.where(label_HW > 0, label_HW - 1 + len(codes), 0).astype(np.int32)
        codes += [code] * count
    return area_HW, np.array(codes, np.uint8)


def save(piece: Piece, file: Path) -> None:
    """Writes a piece so that `load` reads it."""
    arrays = {
        "code_N": piece.code_N,
        "pixels_N": piece.pixels_N,
        "length_N": np.array([len(wkb) for wkb in piece.wkb_N]),
        "wkb": np.frombuffer(b"".join(piece.wkb_N), np.uint8),
        **{f"edge{n}": edge for n, edge in enumerate(piece.edges)},
    }
    with atomic_write(file) as draft, draft.open("wb") as opened:
        np.savez(opened, allow_pickle=False, **arrays)


def load(file: Path) -> Piece:
    """Reads what `save` wrote."""
    with np.load(file) as saved:
        ends = np.cumsum(saved["length_N"])
        parts = np.split(saved["wkb"], ends[:-1])
        wkb_N = np.array([part.tobytes() for part in parts], object)
        edges = tuple(saved[f"edge{n}"] for n in range(4))
        return Piece(saved["code_N"], saved["pixels_N"], wkb_N, (edges[0], edges[1], edges[2], edges[3]))


@dataclass(frozen=True)
class Area:
    """A connected area of one class."""

    code: int
    pixels: int
    polygon: shapely.Geometry


def merge(files: Mapping[tuple[int, int], Path]) -> Iterator[Area]:
    """The areas of a whole map from its pieces, by row and column of the piece, joined across their sides.

    What lies within a piece passes through; what touches a side is kept until its last piece was read.
    """
    component_of = _components(files)
    last = {component: place for place, components in component_of.items() for component in components.values()}
    parts: dict[int, list[bytes]] = {}
    pixels: dict[int, int] = {}
    for place, file in files.items():
        piece = load(file)
        for area, (code, count, wkb) in enumerate(zip(piece.code_N, piece.pixels_N, piece.wkb_N, strict=True)):
            component = component_of[place].get(area)
            if component is None:
                yield Area(int(code), int(count), shapely.from_wkb(wkb))
                continue
            parts.setdefault(component, []).append(wkb)
            pixels[component] = pixels.get(component, 0) + int(count)
        for component, area in {component: area for area, component in component_of[place].items()}.items():
            if last[component] == place:
                polygon = shapely.simplify(shapely.union_all(shapely.from_wkb(parts.pop(component))), 0)
                yield Area(int(piece.code_N[area]), pixels.pop(component), polygon)


def _components(files: Mapping[tuple[int, int], Path]) -> dict[tuple[int, int], dict[int, int]]:
    """For each piece, the component of each of its areas that touches a side."""
    number: dict[tuple[int, int], dict[int, int]] = {}
    edges: dict[tuple[int, int], Piece] = {}
    pairs: list[np.ndarray] = []
    count = 0
    for (y, x), file in files.items():
        piece = edges[y, x] = load(file)
        number[y, x] = {int(area): count + n for n, area in enumerate(np.unique(np.concatenate(piece.edges)))}
        count += len(number[y, x])
        for other, mine, theirs in (((y - 1, x), 0, 1), ((y, x - 1), 2, 3)):
            if other in files:
                pairs.append(_pairs(piece, edges[other], mine, theirs, number[y, x], number[other]))
        edges.pop((y - 1, x), None)
    pair_N2 = np.concatenate([np.empty((0, 2), int), *pairs])
    graph = coo_array((np.ones(len(pair_N2), bool), tuple(pair_N2.T)), shape=(count, count))
    label_N = connected_components(graph, directed=False)[1].tolist()
    return {place: {area: label_N[n] for area, n in numbers.items()} for place, numbers in number.items()}


def _pairs(
    piece: Piece, other: Piece, mine: int, theirs: int, number: Mapping[int, int], others: Mapping[int, int]
) -> np.ndarray:
    """Numbers of the areas of one class that meet along a side of two pieces, N2."""
    met_N2 = np.unique(np.stack([piece.edges[mine], other.edges[theirs]], 1), axis=0)
    same_N2 = met_N2[piece.code_N[met_N2[:, 0]] == other.code_N[met_N2[:, 1]]]
    return np.array([(number[a], others[b]) for a, b in same_N2.tolist()], int).reshape(-1, 2)

"""Polygons of patches, and their random displacement."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from catalogs.simulated.noise import Bounds, smooth_field

Geometries = NDArray[np.object_]
Warp = Callable[[Geometries], Geometries]


@dataclass(frozen=True)
class Shapes:
    """Polygons in painting order; `patch` is the index of the patch of each, `code` the class of each patch."""

    geometry: Geometries
    patch: NDArray[np.intp]
    code: NDArray[np.uint8]


def one_patch_each(geometry: Geometries, code: NDArray[np.uint8]) -> Shapes:
    """Shapes in which every polygon is a patch."""
    return Shapes(geometry, np.arange(len(geometry)), code)


def polygons(geometry: Geometries) -> Iterator[dict[str, Any]]:
    """Polygons as GeoJSON: as their `__geo_interface__`, in half of the time."""
    ring_R, polygon_R = shapely.get_rings(geometry, return_index=True)
    xy_C2, ring_C = shapely.get_coordinates(ring_R, return_index=True)
    xy = xy_C2.tolist()
    rings = [xy[first:end] for first, end in pairwise(np.searchsorted(ring_C, range(len(ring_R) + 1)).tolist())]
    for first, end in pairwise(np.searchsorted(polygon_R, range(len(geometry) + 1)).tolist()):
        yield {"type": "Polygon", "coordinates": rings[first:end]}


def bend(
    rng: np.random.Generator, bounds: Bounds, scale: float, reach: float, octaves: int = 1, everywhere: bool = True
) -> Warp:
    """A displacement of vertices by about `reach` metres, varying over `scale` metres and with `octaves` finer.

    Without `everywhere` it is strong in some regions and zero in others, where borders stay straight.
    """
    east, north = smooth_field(rng, bounds, scale, octaves), smooth_field(rng, bounds, scale, octaves)
    region = smooth_field(rng, bounds, 2500.0)

    def move(xy_N2: NDArray[np.float64]) -> NDArray[np.float64]:
        x_N, y_N = xy_N2.T
        strength_N = np.full(len(x_N), reach) if everywhere else reach * np.clip(region.at(x_N, y_N), 0, 1)
        return xy_N2 + np.stack([east.at(x_N, y_N), north.at(x_N, y_N)], axis=1) * strength_N[:, None]

    return lambda geometry: shapely.transform(shapely.segmentize(geometry, scale / 8 / octaves), move)

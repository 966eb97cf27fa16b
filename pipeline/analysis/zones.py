"""Polygons that a cube is asked about."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.schema import Layout
from pipeline.errors import UserError
from pipeline.geometry.extent import Extent
from pipeline.geometry.project import hectares, on_grid
from pipeline.geometry.vectors import column, read_vectors

STRAY = 1e-3
"""How far, in pixels, an edge may stray from where it was drawn, on its way to the grid's CRS."""


@dataclass(frozen=True)
class Zones:
    """Polygons to ask a cube about: names, the polygons as they were read (`frame`) and in the grid's CRS.

    hectares: the true area of each, wherever it lies. outside: names of those that do not touch the region.
    """

    names: tuple[str, ...]
    frame: Any
    shapes: np.ndarray
    hectares: np.ndarray
    outside: tuple[str, ...]


def read_zones(file: str | Path, extent: Extent, name: str | None = None, layer: str | None = None) -> Zones:
    """The zones of a file; name: the column that names them, else they are numbered from 1.

    Raises what `read_vectors`, `column` and `on_grid` raise, and UserError if no zone touches the region.
    """
    frame = read_vectors(file, layer=layer)
    names = [str(n) for n in range(1, len(frame) + 1)] if name is None else column(frame, name, file)
    return zones_on(frame, names, extent)


def zones_on(frame: Any, names: Sequence[str], extent: Extent) -> Zones:
    """The polygons of a GeoDataFrame. Raises UserError if none touches the region."""
    drawn = np.asarray(frame.geometry.array)
    shapes = on_grid(drawn, frame.crs, extent, STRAY * extent.grid.resolution)
    touches_N = shapely.intersects(shapes, shapely.box(*extent.grid.bounds(extent.window)))
    if not touches_N.any():
        raise UserError(
            f"none of the {len(frame)} zones touches the cube's region; see that their coordinates and their CRS "
            f"({frame.crs.name}) are right"
        )
    outside = tuple(zone for zone, touches in zip(names, touches_N, strict=True) if not touches)
    return Zones(tuple(names), frame, shapes, hectares(drawn, frame.crs), outside)


def zones_of(cube: Cube, file: str | Path, name: str | None = None, layer: str | None = None) -> Zones:
    """`read_zones` for a cube's grid; good for many questions."""
    return read_zones(file, Layout.of(cube.group(snapshot=versions.resolve(cube))).extent, name, layer)

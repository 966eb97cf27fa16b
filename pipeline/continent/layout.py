"""The layout of a continent: its grid, window, bands and classes, which last."""

from collections.abc import Sequence
from dataclasses import replace

import zarr

from pipeline.continent.regional import Regional, check_same
from pipeline.cube.schema import Layout
from pipeline.cube.sources import cubes_of_blocks, is_joined
from pipeline.errors import UserError
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window
from pipeline.storage.location import Location

Bbox = tuple[float, float, float, float]
"""West, south, east, north in degrees."""


def continent_layout(
    group: zarr.Group | None, regionals: Sequence[Regional], location: Location, bbox: Bbox | None, drop: bool
) -> Layout:
    """The layout of the continent as it is, or as it will be made. Raises UserError if the cubes do not fit into it."""
    first = regionals[0]
    if group is None:
        extent = first.layout.extent
        layout = replace(first.layout, extent=Extent(extent.grid, _window(extent.grid, regionals, bbox)))
    else:
        if not is_joined(group):
            raise UserError(
                f"{location} is a cube that runs map, not one that is joined; name another as the continent"
            )
        layout = Layout.of(group)
        check_same(layout, str(location), first)
        if bbox is not None and layout.extent.grid.window_of(bbox) != layout.extent.window:
            raise UserError(f"the cube at {location} was made for another window than --bbox gives; leave --bbox out")
        missing = sorted(cubes_of_blocks(group) - {regional.name for regional in regionals})
        if missing and not drop:
            raise UserError(
                f"the cube at {location} has blocks of {missing[0]}, which is not named; name it too, or let its "
                "blocks go by --drop"
            )
    for regional in regionals:
        if regional.layout.extent.window & layout.extent.window != regional.layout.extent.window:
            raise UserError(
                f"{regional.name} reaches beyond the window of the cube at {location}, which cannot grow; join into a "
                "new cube, with --bbox WEST,SOUTH,EAST,NORTH around all that is to come"
            )
    return layout


def _window(grid: Grid, regionals: Sequence[Regional], bbox: Bbox | None) -> Window:
    if bbox is not None:
        return grid.window_of(bbox)
    windows = [regional.layout.extent.window for regional in regionals]
    return Window(
        min(w.y0 for w in windows), min(w.x0 for w in windows), max(w.y1 for w in windows), max(w.x1 for w in windows)
    )

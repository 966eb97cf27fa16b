"""Two dates of the same ground, read window by window: two rasters on one grid, or two periods of a cube."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import rasterio
import zarr
from pyproj import CRS

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.periods import time_of
from pipeline.cube.schema import Layout
from pipeline.cube.store import array, read_window
from pipeline.errors import UserError
from pipeline.geometry.grid import Window
from pipeline.training import raster_windows
from pipeline.training.place import NEAR, distance_px, place_of
from pipeline.training.raster_windows import band_numbers, file_identity, first_pixel, open_raster, read_errors

HINT = "give two rasters, or a cube with --from and --to"
BANDS = "name its bands so, or write these alone, in this order and without names (rasterio: set_band_description)"


class TwoDates(Protocol):
    """window: the ground, in pixels of an absolute grid. wkt, transform: georeference of its top left pixel, affine
    a, b, c, d, e, f; "" and None where there is none. names: of both dates. identity: what tells them from others.
    cube: of periods, None of rasters."""

    @property
    def window(self) -> Window: ...

    @property
    def wkt(self) -> str: ...

    @property
    def transform(self) -> tuple[float, ...] | None: ...

    @property
    def names(self) -> tuple[str, str]: ...

    @property
    def identity(self) -> dict[str, Any]: ...

    @property
    def cube(self) -> Cube | None: ...

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Both dates BHW in the model's bands; the window lies within `window`."""


@dataclass(frozen=True)
class Periods:
    """The mosaics of two periods of a cube."""

    mosaic: zarr.Array
    layout: Layout
    times: tuple[int, int]
    bands: list[int]
    names: tuple[str, str]
    identity: dict[str, Any]
    cube: Cube

    @property
    def window(self) -> Window:
        return self.layout.extent.window

    @property
    def wkt(self) -> str:
        return CRS(self.layout.extent.grid.crs).to_wkt()

    @property
    def transform(self) -> tuple[float, ...]:
        r = self.layout.extent.grid.resolution
        return r, 0.0, self.window.x0 * r, 0.0, -r, -self.window.y0 * r

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        before, after = (read_window(self.mosaic, time, self.layout.extent, window)[self.bands] for time in self.times)
        return before, after


def periods(
    location: str | Path, before: date, after: date, bands: Sequence[str], version: str | None = None
) -> Periods:
    """Two periods of a cube by their first days. Raises UserError where it lacks one of them, or a band."""
    cube = Cube.open(location)
    snapshot = versions.resolve(cube, version)
    group = cube.group(snapshot=snapshot)
    layout = Layout.of(group)
    if missing := [band for band in bands if band not in layout.bands]:
        raise UserError(
            f"the model takes the bands {', '.join(bands)}, but the cube has no {', '.join(missing)}: its mosaic has "
            f"{', '.join(layout.bands)}"
        )
    if before == after:
        raise UserError(f"--from and --to are both {before}; give two periods")
    times = time_of(group, snapshot, before), time_of(group, snapshot, after)
    names = str(before), str(after)
    identity = {"cube": str(cube.location), "version": snapshot, "periods": names}
    numbers = [layout.bands.index(band) for band in bands]
    return Periods(array(group, "mosaic"), layout, times, numbers, names, identity, cube)


@dataclass(frozen=True)
class Rasters:
    """Two open rasters on one grid. bands: those of the model in each, in its order, counted from 1. blank: the number
    that means no data in all bands."""

    before: rasterio.DatasetReader
    after: rasterio.DatasetReader
    bands: tuple[list[int], list[int]]
    blank: float | None
    window: Window
    wkt: str
    transform: tuple[float, ...] | None
    names: tuple[str, str]
    identity: dict[str, Any]
    cube: None = None

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        corner = self.window.y0, self.window.x0
        before, after = (
            raster_windows.read_window(source, window, corner, self.blank, bands)
            for source, bands in zip((self.before, self.after), self.bands, strict=True)
        )
        return before, after


@contextmanager
def rasters(before: Path, after: Path, bands: Sequence[str], blank: float | None) -> Iterator[Rasters]:
    """Two PNG, JPEG or GeoTIFF files with the model's bands: by their names, or in its order where they have none.

    Raises UserError unless both lie on one grid, pixel by pixel, UserError or InputError for other bands, and RunError
    where their pixels cannot be read.
    """
    with open_raster(before, HINT) as first, open_raster(after, HINT) as second, read_errors():
        numbers = band_numbers(before, first, bands, BANDS), band_numbers(after, second, bands, BANDS)
        if first.shape != second.shape:
            (tall, wide), (other_tall, other_wide) = first.shape, second.shape
            raise UserError(
                f"{before} is {wide} x {tall} px, but {after} {other_wide} x {other_tall}; bring them to one grid "
                "first (gdalwarp -t_srs -te -tr)"
            )
        place, other = place_of(first), place_of(second)
        if place and other and distance_px(place, other) > NEAR:
            raise UserError(
                f"{before} begins at {place}, but {after} at {other}; bring them to one grid first (gdalwarp "
                "-t_srs -te -tr)"
            )
        place = place or other
        identity = {name: file_identity(file) for name, file in (("before", before), ("after", after))}
        names = before.name, after.name
        transform = None if place is None else tuple(place.transform[:6])
        row, col = first_pixel(transform)
        window = Window(row, col, row + first.height, col + first.width)
        yield Rasters(
            first, second, numbers, blank, window, "" if place is None else place.crs, transform, names, identity
        )

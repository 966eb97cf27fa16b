"""Two dates of the same ground, read window by window: two rasters on one grid, or two periods of a cube."""

import os
import warnings
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
from rasterio.enums import MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window as RasterWindow

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.periods import time_of
from pipeline.cube.schema import Layout
from pipeline.cube.store import array, read_window
from pipeline.errors import RunError, UserError, first_line
from pipeline.geometry.grid import Window
from pipeline.training.image_file import FORMATS, STRICT, equals
from pipeline.training.place import NEAR, distance_px, place_of


class TwoDates(Protocol):
    """window: the ground, in pixels of an absolute grid. wkt, transform: georeference of its top left pixel, affine
    a, b, c, d, e, f; "" and None where there is none. names: of both dates. identity: what tells them from others."""

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
    return Periods(array(group, "mosaic"), layout, times, [layout.bands.index(band) for band in bands], names, identity)


@dataclass(frozen=True)
class Rasters:
    """Two open rasters on one grid. blank: the number that means no data in all bands."""

    before: rasterio.DatasetReader
    after: rasterio.DatasetReader
    blank: float | None
    window: Window
    wkt: str
    transform: tuple[float, ...] | None
    names: tuple[str, str]
    identity: dict[str, Any]

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        return _read(self.before, window, self.window, self.blank), _read(self.after, window, self.window, self.blank)


@contextmanager
def rasters(before: Path, after: Path, bands: Sequence[str], blank: float | None) -> Iterator[Rasters]:
    """Two PNG, JPEG or GeoTIFF files with the model's bands in its order.

    Raises UserError unless both lie on one grid, pixel by pixel, and RunError where their pixels cannot be read.
    """
    with _open(before, bands) as first, _open(after, bands) as second, _read_errors():
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
        identity = {name: [str(file.resolve()), *_stamp(file)] for name, file in (("before", before), ("after", after))}
        names = before.name, after.name
        transform = None if place is None else tuple(place.transform[:6])
        row, col = (0, 0) if transform is None else _corner(transform)
        window = Window(row, col, row + first.height, col + first.width)
        yield Rasters(first, second, blank, window, "" if place is None else place.crs, transform, names, identity)


def _corner(transform: tuple[float, ...]) -> tuple[int, int]:
    """Row and column of the first pixel, counted from the origin of the CRS; of turned rasters 0, 0."""
    a, b, c, d, e, f = transform
    return (0, 0) if b or d or a <= 0 or e >= 0 else (round(f / e), round(c / a))


@contextmanager
def _open(file: Path, bands: Sequence[str]) -> Iterator[rasterio.DatasetReader]:
    if not file.is_file():
        raise UserError(f"there is no file {file}; give two rasters, or a cube with --from and --to")
    try:
        with warnings.catch_warnings(), rasterio.Env(**STRICT):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            source = rasterio.DatasetReader(os.fspath(file.absolute()), driver=list(FORMATS))
    except (RasterioError, OSError) as error:
        raise UserError(f"{file} cannot be read as PNG, JPEG or GeoTIFF ({first_line(error)}); give another") from None
    with source:
        if source.count != len(bands):
            raise UserError(f"{file} has {source.count} bands, but the model takes {len(bands)}: {', '.join(bands)}")
        if any(np.dtype(dtype).kind not in "uif" for dtype in source.dtypes):
            raise UserError(f"{file} holds numbers of the type {source.dtypes[0]}; write real numbers")
        yield source


@contextmanager
def _read_errors() -> Iterator[None]:
    try:
        yield
    except RasterioError as error:
        raise RunError(f"a raster cannot be read to its end ({first_line(error)}); copy it again") from None


def _read(source: rasterio.DatasetReader, window: Window, whole: Window, blank: float | None) -> np.ndarray:
    """A window BHW; pixels that the file says hold no data, and that are not `blank`, are NaN."""
    part = RasterWindow.from_slices(*window.slices((whole.y0, whole.x0)))
    value_BHW: np.ndarray = source.read(window=part)
    empty_HW = np.zeros(window.shape, bool)
    for band_HW, tag in zip(value_BHW, source.nodatavals, strict=True):
        if tag is not None and tag != blank:
            empty_HW |= equals(band_HW, tag)
    if all(flags == [MaskFlags.per_dataset] for flags in source.mask_flag_enums):
        empty_HW |= source.read_masks(1, window=part) == 0
    return np.where(empty_HW, np.float32(np.nan), value_BHW.astype(np.float32)) if empty_HW.any() else value_BHW


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns

"""A raster at one of its levels: where it lies, how large its pixels are on the ground, which levels may be read."""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import isfinite

import numpy as np
import rasterio
from pyproj import CRS, Geod
from pyproj.exceptions import ProjError

from pipeline.geometry.grid import LONLAT, transformer
from pipeline.raster.retry import ReadError
from pipeline.raster.scaling import NONE

PIXEL_METRES = 0.001, 1e6
"""Sides that a pixel may have."""
TRUE_SCALE = 0.05
"""A projected CRS counts as true to scale where lengths are off by less than this share."""
UNEVEN = 1.01
"""An overview of sides that halve unevenly may have pixels that are a little longer than its factor says."""
GROUND = Geod(ellps="WGS84")


@dataclass(frozen=True)
class Raster:
    """A raster at one of its levels: x = left + col * resolution, y = top - row * resolution * tall.

    `resolution` in units of the CRS per pixel; `overview`: None = full resolution, else the overview's index from 0;
    `tall`: height of a pixel by its width, which is not quite 1 in overviews of sides that halve unevenly. A pixel is
    the mean of a cell of `factor` x `factor` pixels of full resolution where `factor` is not 1. `turned`: None for a
    raster that is north up, else (a, b, d, e) of x = left + a * col + b * row, y = top + d * col + e * row. Rasters
    that differ only in what follows are equal: `dtype`, whether it holds indices of a palette, `scaling`, the scale and
    offset that the file declares for the band, and `bands`, their number without alpha.
    """

    crs: str
    left: float
    top: float
    resolution: float
    height: int
    width: int
    overview: int | None
    tall: float = 1.0
    factor: int = 1
    turned: tuple[float, float, float, float] | None = None
    dtype: str = field(default="uint16", compare=False)
    paletted: bool = field(default=False, compare=False)
    bands: int = field(default=1, compare=False)
    scaling: tuple[float, float] = field(default=NONE, compare=False)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in the raster's CRS."""
        if self.turned is not None:
            x, y = zip(*self.corners, strict=True)
            return min(x), min(y), max(x), max(y)
        bottom = self.top - self.height * self.resolution * self.tall
        return self.left, bottom, self.left + self.width * self.resolution, self.top

    @property
    def steps(self) -> tuple[float, float, float, float]:
        """(a, b, d, e): of x along a column and a row, of y along a column and a row."""
        return self.turned or (self.resolution, 0.0, 0.0, -(self.resolution * self.tall))

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """(x, y) of its four corners, around it."""
        a, b, d, e = self.steps
        ends = ((0, 0), (0, self.width), (self.height, self.width), (self.height, 0))
        return tuple((self.left + a * col + b * row, self.top + d * col + e * row) for row, col in ends)

    def position(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(row, col) of places in its CRS; 0, 0 is the outer corner of the first pixel."""
        if self.turned is None:
            return (self.top - y) / (self.resolution * self.tall), (x - self.left) / self.resolution
        a, b, d, e = self.turned
        dx, dy, area = x - self.left, y - self.top, a * e - b * d
        return (a * dy - d * dx) / area, (e * dx - b * dy) / area


@dataclass(frozen=True)
class Part:
    """Rows and columns of a raster, half open."""

    rows: tuple[int, int]
    cols: tuple[int, int]


@lru_cache(maxsize=4096)
def pixel_metres(raster: Raster) -> tuple[float, float]:
    """(height, width) in metres of a pixel in the middle of a raster, whatever its CRS counts in.

    In a projected CRS that is true to scale there, the CRS's own lengths. Raises ReadError for a place that is not on
    the Earth and for sides that no pixel has.
    """
    left, bottom, right, top = raster.bounds
    x, y = (left + right) / 2, (bottom + top) / 2
    across_x, down_x, across_y, down_y = raster.steps
    try:
        crs = CRS.from_user_input(raster.crs)
        lon, lat = transformer(raster.crs, LONLAT).transform(
            (x, x + down_x, x + across_x), (y, y + down_y, y + across_y)
        )
    except ProjError:
        raise ReadError(f"its CRS {raster.crs:.80} has no place on the Earth") from None
    if not all(map(isfinite, (*raster.bounds, *lon, *lat))):
        raise ReadError(
            f"its corner {left:g}, {top:g} with pixels of {raster.resolution:g} is no place in {raster.crs:.80}"
        )
    _, _, (height, width) = GROUND.inv([lon[0]] * 2, [lat[0]] * 2, lon[1:], lat[1:])
    if crs.is_projected:
        unit = crs.axis_info[0].unit_conversion_factor
        own = raster.resolution * raster.tall * unit, raster.resolution * unit
        if all(abs(side - stated) < TRUE_SCALE * stated for side, stated in zip((height, width), own, strict=True)):
            height, width = own
    if not all(PIXEL_METRES[0] <= side <= PIXEL_METRES[1] for side in (height, width)):
        raise ReadError(
            f"its pixels of {raster.resolution:g} in {raster.crs:.80} are {width:g} x {height:g} m, but sides must lie "
            f"within {PIXEL_METRES[0]:g} and {PIXEL_METRES[1]:g} m"
        )
    return height, width


def overviews_by_size(dataset: rasterio.DatasetReader, metres: float, resolution: float) -> list[int]:
    """Indices of the overviews whose pixels may have sides of at most `resolution` metres, the coarsest first.

    A file may list its overviews in any order. `metres`: side of a pixel at full resolution.
    """
    factors = dataset.overviews(1)
    fitting = [i for i, factor in enumerate(factors) if factor > 1 and metres * factor <= resolution]
    return sorted(fitting, key=lambda i: -factors[i])


def skips_no_data(dataset: rasterio.DatasetReader, band: int = 1, nodata: float | None = 0) -> bool:
    """Whether the overviews of a raster were made from pixels with data alone, as far as the raster tells.

    GDAL leaves out no data when it makes overviews of a file that names it; where `nodata` is None and the file names
    none either, all pixels are data. The levels of JPEG 2000 are of wavelets, which mix all pixels.
    """
    return dataset.driver == "GTiff" and dataset.nodatavals[band - 1] == nodata


def averaged(full: Raster, factor: int) -> Raster:
    """The level of cells of `factor` x `factor` pixels; those at the end may reach beyond the raster."""
    height, width = (-(-side // factor) for side in (full.height, full.width))
    cells = replace(full, resolution=full.resolution * factor, height=height, width=width, factor=factor)
    if full.turned is None:
        return cells
    a, b, d, e = full.turned
    return replace(cells, turned=(a * factor, b * factor, d * factor, e * factor))

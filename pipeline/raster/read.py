"""Windowed reads of one raster, local or remote, at the overview that suits the grid's resolution.

A read returns the file's pixels or raises ReadError: GDAL returns no pixels of a response that is incomplete or does
not decode. Bits of the file that changed are noticed for certain by its checksum alone (`inspect`). Decoders notice
nearly all in deflate, LERC and LZMA, few in LZW and Zstandard, none without compression or in JPEG 2000.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import rasterio
from rasterio.windows import Window

from catalogs.access import ANYWHERE, Access, GdalSource, redact
from catalogs.items.checksum import matches
from pipeline.raster import open_requests
from pipeline.raster.gdal import open_raster
from pipeline.raster.retry import ReadError, with_retries
from pipeline.raster.scaling import NONE, own_scaling
from pipeline.raster.validity import erase_invalid, marks_invalid


@dataclass(frozen=True)
class Raster:
    """A raster at one of its levels: x = left + col * resolution, y = top - row * resolution * tall.

    `resolution` in units of the CRS per pixel; `overview`: None = full resolution, else the overview's index from 0;
    `tall`: height of a pixel by its width, which is not quite 1 in overviews of sides that halve unevenly.
    `dtype`, and `scaling`, the scale and offset that the file declares: rasters that differ in these alone are equal.
    """

    crs: str
    left: float
    top: float
    resolution: float
    height: int
    width: int
    overview: int | None
    tall: float = 1.0
    dtype: str = field(default="uint16", compare=False)
    scaling: tuple[float, float] = field(default=NONE, compare=False)


@dataclass(frozen=True)
class Part:
    """Rows and columns of a raster, half open."""

    rows: tuple[int, int]
    cols: tuple[int, int]


@lru_cache(maxsize=4096)
def inspect(href: str, resolution: float, access: Access = ANYWHERE, checksum: str | None = None) -> Raster:
    """The coarsest level of a raster whose pixels are at most `resolution` metres wide, or else full resolution.

    Full resolution where the file marks pixels as invalid, since its overviews need not know of them. A local file must
    have the `checksum`, a multihash; of remote ones only the tiles that are needed are fetched. Raises ReadError.
    """

    def attempt(gdal_source: GdalSource, cached: bool) -> Raster:
        if checksum is not None and not gdal_source.remote and not matches(gdal_source.name, checksum):
            raise ReadError(f"{href} does not have the checksum that its item states ({checksum}); fetch it again")
        with open_raster(href, gdal_source, access, cached) as dataset:
            overviews = [] if marks_invalid(dataset) else dataset.overviews(1)
            factors = [f for f in overviews if f * dataset.res[0] <= resolution]
            overview, scaling = len(factors) - 1 if factors else None, own_scaling(dataset)
        with open_raster(href, gdal_source, access, cached, overview) as dataset:
            return replace(_raster(href, dataset, overview), dtype=dataset.dtypes[0], scaling=scaling)

    return with_retries(href, access, attempt)


def read_part(
    href: str, raster: Raster, part: Part, access: Access = ANYWHERE, nodata: int = 0, codes: Collection[int] = ()
) -> np.ndarray:
    """Band 1 of a part that lies inside the raster, HW in the raster's own type. Raises ReadError.

    Pixels that the file marks as invalid are `nodata`, except where its nodata tag is one of `codes`.
    """

    def attempt(gdal_source: GdalSource, cached: bool) -> np.ndarray:
        with open_raster(href, gdal_source, access, cached, raster.overview) as dataset:
            if _raster(href, dataset, raster.overview) != raster:
                raise ReadError(f"{redact(href)} has changed since it was first opened; run again")
            height, width = (stop - start for start, stop in (part.rows, part.cols))
            value_HW = np.empty((height, width), dataset.dtypes[0])
            for rows, requests in _batches(dataset, part) if gdal_source.remote else [(part.rows, 0)]:
                out_rows = slice(rows[0] - part.rows[0], rows[1] - part.rows[0])
                window = Window.from_slices(rows, part.cols)
                with open_requests.reserve(requests):
                    dataset.read(1, window=window, out=value_HW[out_rows])
                    erase_invalid(dataset, window, value_HW[out_rows], nodata, codes)
            return value_HW

    return with_retries(href, access, attempt)


def _batches(dataset: rasterio.DatasetReader, part: Part) -> Iterator[tuple[tuple[int, int], int]]:
    """The part in batches of rows that need at most `open_requests.LIMIT` requests each, with that number.

    Each row of tiles needs a request; a raster stored in strips of whole rows needs one in all.
    """
    tile_height, tile_width = dataset.block_shapes[0]
    if tile_width >= dataset.width:
        yield part.rows, 1
        return
    step = tile_height * open_requests.LIMIT
    for top in range(part.rows[0] - part.rows[0] % tile_height, part.rows[1], step):
        rows = max(top, part.rows[0]), min(top + step, part.rows[1])
        yield rows, (rows[1] - 1) // tile_height - rows[0] // tile_height + 1


def _raster(href: str, dataset: rasterio.DatasetReader, overview: int | None) -> Raster:
    t = dataset.transform
    if dataset.crs is None or t.b or t.d or t.a <= 0 or not 0.9 < -t.e / t.a < 1.1:
        raise ReadError(f"{redact(href)} has no north-up georeference with pixels that are nearly square")
    return Raster(dataset.crs.to_string(), t.c, t.f, t.a, dataset.height, dataset.width, overview, -t.e / t.a)

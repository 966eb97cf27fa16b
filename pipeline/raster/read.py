"""Windowed reads of one raster, local or remote, at the level that suits the grid's resolution.

A read returns the file's pixels or raises ReadError: GDAL returns no pixels of a response that is incomplete or does
not decode. Bits of the file that changed are noticed for certain by its checksum alone (`inspect`). Decoders notice
nearly all in deflate, LERC and LZMA, few in LZW and Zstandard, none without compression or in JPEG 2000; of a tile that
reaches beyond the lower edge only the rows inside are decoded, so that the checksum of deflate is not met.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from math import hypot, isfinite

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from catalogs.access import ANYWHERE, Access, GdalSource, redact
from catalogs.items.checksum import matches
from pipeline.raster import open_requests
from pipeline.raster.cells import mean_cells
from pipeline.raster.coding import Coding
from pipeline.raster.gdal import open_raster
from pipeline.raster.level import (
    UNEVEN,
    Part,
    Raster,
    averaged,
    overviews_by_size,
    pixel_metres,
    skips_no_data,
)
from pipeline.raster.retry import ReadError, with_retries
from pipeline.raster.scaling import own_scaling
from pipeline.raster.validity import invalid, marks_invalid

CELL_BATCH = 2**23
"""Pixels of full resolution that are held while they are averaged."""


@lru_cache(maxsize=4096)
def inspect(
    href: str,
    resolution: float | None,
    access: Access = ANYWHERE,
    checksum: str | None = None,
    band: int = 1,
    nodata: float | None = 0,
) -> Raster:
    """The coarsest level of a raster whose pixels have sides of at most `resolution` metres, or else full resolution.

    None asks for full resolution, which codes and bits need: overviews may mix them. Overviews that may mix no data
    with data are not read; cells of full resolution are averaged instead. A local file must have the `checksum`, a
    multihash; of remote ones only the tiles that are needed are fetched. `band`: its number from 1, whose `nodata`
    (None: no value) the caller knows. Raises ReadError.
    """

    def attempt(gdal_source: GdalSource, cached: bool) -> Raster:
        if checksum is not None and not gdal_source.remote and not matches(gdal_source.name, checksum):
            raise ReadError(f"{href} does not have the checksum that its item states ({checksum}); fetch it again")
        with open_raster(href, gdal_source, access, cached) as dataset:
            _check_band(href, dataset, band)
            own = {"dtype": dataset.dtypes[band - 1], "scaling": own_scaling(dataset, band)}
            alpha = dataset.colorinterp.count(ColorInterp.alpha)
            palette = dataset.colorinterp[band - 1] == ColorInterp.palette
            own |= {"paletted": palette, "bands": dataset.count - alpha}
            full = replace(_raster(href, dataset, None), **own)
            skips = skips_no_data(dataset, band, nodata) and not marks_invalid(dataset, band, nodata)
            overviews = [] if resolution is None else overviews_by_size(dataset, max(pixel_metres(full)), resolution)
        for overview in overviews:
            with open_raster(href, gdal_source, access, cached, overview) as dataset:
                level = replace(_raster(href, dataset, overview), **own)
            if resolution is not None and max(pixel_metres(level)) <= resolution * UNEVEN:
                return level if skips else averaged(full, round(level.resolution / full.resolution))
        return full

    return with_retries(href, access, attempt)


def read_part(
    href: str,
    raster: Raster,
    part: Part,
    access: Access = ANYWHERE,
    nodata: int = 0,
    codes: Collection[int] = (),
    band: int = 1,
    coding: Coding | None = None,
) -> np.ndarray:
    """A band of a part that lies inside the raster, HW in the raster's own type, or in the numbers of a `coding`.

    Pixels that the file marks as invalid are `nodata`, except where its nodata tag is one of `codes`; with a coding
    they are 0. A raster of uint8 with a `nodata` above 255 is read as uint16. Where the raster's pixels are means of
    cells, no data is 0. Raises ReadError.
    """

    def read(dataset: rasterio.DatasetReader, part: Part, remote: bool) -> np.ndarray:
        height, width = (stop - start for start, stop in (part.rows, part.cols))
        wide = coding is not None or (raster.dtype == "uint8" and nodata > 255)
        value_HW = np.empty((height, width), np.uint16 if wide else dataset.dtypes[band - 1])
        for rows, requests in _batches(dataset, part) if remote else [(part.rows, 0)]:
            out_HW = value_HW[rows[0] - part.rows[0] : rows[1] - part.rows[0]]
            window = Window.from_slices(rows, part.cols)
            with open_requests.reserve(requests):
                dn_HW = dataset.read(band, window=window)
                expected = nodata if coding is None else coding.nodata
                invalid_HW = invalid(dataset, window, dn_HW, expected, band, codes)
            if coding is not None:
                out_HW[:] = coding.encode(dn_HW, invalid_HW)
                continue
            out_HW[:] = dn_HW
            if invalid_HW is not None:
                out_HW[invalid_HW] = nodata
        return value_HW

    def attempt(gdal_source: GdalSource, cached: bool) -> np.ndarray:
        with open_raster(href, gdal_source, access, cached, raster.overview) as dataset:
            level = _raster(href, dataset, raster.overview)
            if raster != (averaged(level, raster.factor) if raster.factor > 1 else level):
                raise ReadError(f"{redact(href)} has changed since it was first opened; run again")
            if raster.factor == 1:
                return read(dataset, part, gdal_source.remote)
            cells = [
                mean_cells(read(dataset, fine, gdal_source.remote), raster.factor)
                for fine in _fine_parts(dataset, part, raster.factor)
            ]
            return np.concatenate(cells)

    return with_retries(href, access, attempt)


def _fine_parts(dataset: rasterio.DatasetReader, part: Part, factor: int) -> Iterator[Part]:
    """The pixels of full resolution below a part of cells, in batches of whole rows of cells and, nearly, of tiles."""
    (top, bottom), cols = (
        (span[0] * factor, min(span[1] * factor, length))
        for span, length in ((part.rows, dataset.height), (part.cols, dataset.width))
    )
    unit = max(dataset.block_shapes[0][0] // factor, 1) * factor
    step = max(CELL_BATCH // ((cols[1] - cols[0]) * unit), 1) * unit
    edges = [top, *range(top - top % unit + step, bottom, step), bottom]
    for start, stop in pairwise(edges):
        yield Part((start, stop), cols)


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


def _check_band(href: str, dataset: rasterio.DatasetReader, band: int) -> None:
    if band > dataset.count:
        raise ReadError(f"{redact(href)} has {dataset.count} bands, but band {band} is looked for")
    if np.dtype(dataset.dtypes[band - 1]).kind not in "uif":
        raise ReadError(f"{redact(href)} holds {dataset.dtypes[band - 1]}, but a band must hold real numbers")


def _raster(href: str, dataset: rasterio.DatasetReader, overview: int | None) -> Raster:
    t = dataset.transform
    if dataset.crs is None and dataset.gcps[0]:
        raise ReadError(f"{redact(href)} is placed by ground control points alone; warp it to a CRS, as by gdalwarp")
    if dataset.crs is None:
        raise ReadError(f"{redact(href)} names no CRS, so that nobody knows where it lies; write one into the file")
    if t.is_identity or not all(map(isfinite, t[:6])) or t.determinant == 0:
        raise ReadError(f"{redact(href)} has no georeference: the corner and the size of its pixels are not known")
    north_up = not (t.b or t.d) and t.a > 0 and t.e < 0
    across, down = (t.a, -t.e) if north_up else (hypot(t.a, t.d), hypot(t.b, t.e))
    raster = Raster(
        dataset.crs.to_string(),
        t.c,
        t.f,
        across,
        dataset.height,
        dataset.width,
        overview,
        down / across,
        turned=None if north_up else (t.a, t.b, t.d, t.e),
    )
    try:
        pixel_metres(raster)
    except ReadError as error:
        raise ReadError(f"{redact(href)} lies nowhere: {error}") from None
    return raster

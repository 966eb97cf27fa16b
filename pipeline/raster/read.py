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
from math import isfinite

import numpy as np
import rasterio
from rasterio.windows import Window

from catalogs.access import ANYWHERE, Access, GdalSource, redact
from catalogs.items.checksum import matches
from pipeline.raster import open_requests
from pipeline.raster.cells import mean_cells
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
from pipeline.raster.validity import erase_invalid, marks_invalid

CELL_BATCH = 2**23
"""Pixels of full resolution that are held while they are averaged."""


@lru_cache(maxsize=4096)
def inspect(href: str, resolution: float | None, access: Access = ANYWHERE, checksum: str | None = None) -> Raster:
    """The coarsest level of a raster whose pixels have sides of at most `resolution` metres, or else full resolution.

    None asks for full resolution, which codes and bits need: overviews may mix them. Overviews that may mix no data
    with data are not read; cells of full resolution are averaged instead. A local file must have the `checksum`, a
    multihash; of remote ones only the tiles that are needed are fetched. Raises ReadError.
    """

    def attempt(gdal_source: GdalSource, cached: bool) -> Raster:
        if checksum is not None and not gdal_source.remote and not matches(gdal_source.name, checksum):
            raise ReadError(f"{href} does not have the checksum that its item states ({checksum}); fetch it again")
        with open_raster(href, gdal_source, access, cached) as dataset:
            full = replace(_raster(href, dataset, None), dtype=dataset.dtypes[0], scaling=own_scaling(dataset))
            skips = skips_no_data(dataset) and not marks_invalid(dataset)
            overviews = [] if resolution is None else overviews_by_size(dataset, max(pixel_metres(full)), resolution)
        for overview in overviews:
            with open_raster(href, gdal_source, access, cached, overview) as dataset:
                level = replace(_raster(href, dataset, overview), dtype=full.dtype, scaling=full.scaling)
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
    erased: Collection[int] = (),
) -> np.ndarray:
    """Band 1 of a part that lies inside the raster, HW in the raster's own type. Raises ReadError.

    Pixels that the file marks as invalid are `nodata`, except where its nodata tag is one of `codes`, and so are those
    of the values `erased`. Where the raster's pixels are means of cells, no data is 0.
    """

    def read(dataset: rasterio.DatasetReader, part: Part, remote: bool) -> np.ndarray:
        height, width = (stop - start for start, stop in (part.rows, part.cols))
        value_HW = np.empty((height, width), dataset.dtypes[0])
        for rows, requests in _batches(dataset, part) if remote else [(part.rows, 0)]:
            out_HW = value_HW[rows[0] - part.rows[0] : rows[1] - part.rows[0]]
            window = Window.from_slices(rows, part.cols)
            with open_requests.reserve(requests):
                dataset.read(1, window=window, out=out_HW)
                erase_invalid(dataset, window, out_HW, nodata, codes)
        for value in erased:
            value_HW[value_HW == value] = nodata
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


def _raster(href: str, dataset: rasterio.DatasetReader, overview: int | None) -> Raster:
    t = dataset.transform
    if dataset.crs is None or t.b or t.d or not (isfinite(t.a) and t.a > 0 and 0.9 < -t.e / t.a < 1.1):
        raise ReadError(f"{redact(href)} has no north-up georeference with pixels that are nearly square")
    raster = Raster(dataset.crs.to_string(), t.c, t.f, t.a, dataset.height, dataset.width, overview, -t.e / t.a)
    try:
        pixel_metres(raster)
    except ReadError as error:
        raise ReadError(f"{redact(href)} lies nowhere: {error}") from None
    return raster

"""The raster that a model maps: which of its bands, where it lies, and whether it has the model's units."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch

from idgbr.inference.scale import SAMPLES, check_scale
from idgbr.settings import Settings
from pipeline.errors import UserError
from pipeline.geometry.grid import Window
from pipeline.training.orientation import UPRIGHT, orientation
from pipeline.training.place import place_of
from pipeline.training.raster_windows import (
    band_names,
    band_numbers,
    file_identity,
    first_pixel,
    open_raster,
    read_errors,
    read_window,
)

MAX_BLOCK_PIXELS = 2**25
"""Of what the file stores as one block, which is decoded in one piece: 5,792 px square."""
CACHE_MB = 128
"""GDAL's cache of blocks."""


@dataclass(frozen=True)
class ImageWindows:
    """An open raster. bands: those of the model, in its order, counted from 1. window: in pixels of an absolute grid.
    wkt, transform: georeference, "" and None where there is none. identity: what tells it from others."""

    source: rasterio.DatasetReader
    bands: list[int]
    blank: float | None
    window: Window
    wkt: str
    transform: tuple[float, ...] | None
    identity: dict[str, Any]

    def read(self, window: Window, shape: tuple[int, int] | None = None) -> np.ndarray:
        """BHW raw numbers, NaN where the file says that there is no data. shape: of fewer pixels, the nearest."""
        corner = self.window.y0, self.window.x0
        return read_window(self.source, window, corner, self.blank, self.bands, shape)


@contextmanager
def image_windows(file: Path, settings: Settings, bands: Sequence[str] | None = None) -> Iterator[ImageWindows]:
    """A PNG, JPEG or GeoTIFF of any size for a model.

    bands: which of the file's bands the model's are, by name or number; by default those that are named so, or all, in
    their order, where the file has no names. Raises UserError for rasters that cannot be read in windows or lie
    nowhere, InputError for bands that lack or have other units, and RunError where pixels cannot be read.
    """
    with (
        rasterio.Env(GDAL_CACHEMAX=CACHE_MB),
        open_raster(file, "give a GeoTIFF, PNG or JPEG") as source,
        read_errors(),
    ):
        _check(file, source)
        place = place_of(source)
        transform = None if place is None else tuple(place.transform[:6])
        row, col = first_pixel(transform)
        image = ImageWindows(
            source,
            _band_numbers(file, source, settings, bands),
            settings.blank,
            Window(row, col, row + source.height, col + source.width),
            "" if place is None else place.crs,
            transform,
            {"image": file_identity(file)},
        )
        _check_units(image, settings)
        yield image


def _check(file: Path, source: rasterio.DatasetReader) -> None:
    block = max(rows * columns for rows, columns in source.block_shapes)
    if block > MAX_BLOCK_PIXELS:
        raise UserError(
            f"{file} stores {block:,} px in one piece, and {MAX_BLOCK_PIXELS:,} are read at once; write it in tiles "
            "(gdal_translate -co TILED=YES)"
        )
    if source.gcps[0] and source.crs is None:
        raise UserError(f"{file} is placed by ground control points; bring it to a grid first (gdalwarp)")
    turn = orientation(file)
    if turn != UPRIGHT:
        raise UserError(
            f"{file} is stored turned or mirrored (its orientation tag is {turn}); write it upright without the tag"
        )


def _band_numbers(
    file: Path, source: rasterio.DatasetReader, settings: Settings, bands: Sequence[str] | None
) -> list[int]:
    names, wanted = band_names(source), settings.bands
    if bands is None:
        example = ",".join(names[: len(wanted)])
        return band_numbers(file, source, wanted, f"say which these are with --bands, such as --bands {example:.100}")
    if len(bands) != len(wanted):
        raise UserError(f"--bands names {len(bands)} bands, but the model takes {len(wanted)}: {', '.join(wanted)}")
    return [_number(file, band, names) for band in bands]


def _number(file: Path, band: str, names: Sequence[str]) -> int:
    if band in names:
        return names.index(band) + 1
    if band in map(str, range(1, len(names) + 1)):
        return int(band)
    raise UserError(f"{file} has no band {band!r:.40}; it has {', '.join(names):.200}")


def _check_units(image: ImageWindows, settings: Settings) -> None:
    rows, cols = (-(-side // -(-side // SAMPLES)) for side in image.window.shape)
    check_scale(torch.from_numpy(image.read(image.window, (rows, cols)).astype(np.float32))[None], settings)

"""A local raster of any size, read window by window."""

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window as RasterWindow

from idgbr.inference.image_input import band_order
from pipeline.errors import RunError, UserError, first_line
from pipeline.geometry.grid import Window
from pipeline.training.image_file import FORMATS, STRICT, equals


@contextmanager
def open_raster(file: Path, hint: str) -> Iterator[rasterio.DatasetReader]:
    """A PNG, JPEG or GeoTIFF of real numbers. Raises UserError; `hint` says what to give where there is no file."""
    if not file.is_file():
        raise UserError(f"there is no file {file}; {hint}")
    try:
        with warnings.catch_warnings(), rasterio.Env(**STRICT):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            source = rasterio.DatasetReader(os.fspath(file.absolute()), driver=list(FORMATS))
    except (RasterioError, OSError) as error:
        raise UserError(f"{file} cannot be read as PNG, JPEG or GeoTIFF ({first_line(error)}); give another") from None
    with source:
        if any(np.dtype(dtype).kind not in "uif" for dtype in source.dtypes):
            raise UserError(f"{file} holds numbers of the type {source.dtypes[0]}; write real numbers")
        yield source


def band_names(source: rasterio.DatasetReader) -> list[str]:
    """Of each band its description, or its number, counted from 1."""
    return [name or str(number) for number, name in zip(source.indexes, source.descriptions, strict=True)]


def band_numbers(file: Path, source: rasterio.DatasetReader, wanted: Sequence[str], what_to_do: str) -> list[int]:
    """Where a model's bands lie, counted from 1: those that are named so, or all in their order if none has a name.

    Raises UserError, which says `what_to_do`, and InputError where some of the names are there.
    """
    names, listed = band_names(source), ", ".join(wanted)
    if all(source.descriptions) and not set(wanted).isdisjoint(names):
        return [index + 1 for index in band_order(names, wanted)]
    if any(source.descriptions):
        raise UserError(f"{file} has the bands {', '.join(names):.200}, but the model takes {listed}; {what_to_do}")
    if source.count != len(wanted):
        raise UserError(f"{file} has {source.count} bands, but the model takes {len(wanted)}: {listed}; {what_to_do}")
    return list(source.indexes)


@contextmanager
def read_errors() -> Iterator[None]:
    """Turns an error of reading in the block into a RunError."""
    try:
        yield
    except RasterioError as error:
        raise RunError(f"a raster cannot be read to its end ({first_line(error)}); copy it again") from None


def first_pixel(transform: tuple[float, ...] | None) -> tuple[int, int]:
    """Row and column of the first pixel, counted from the origin of the CRS; 0, 0 of turned rasters, and of those
    without georeference."""
    if transform is None:
        return 0, 0
    a, b, c, d, e, f = transform
    return (0, 0) if b or d or a <= 0 or e >= 0 else (round(f / e), round(c / a))


def read_window(
    source: rasterio.DatasetReader,
    window: Window,
    corner: tuple[int, int],
    blank: float | None,
    bands: list[int],
    shape: tuple[int, int] | None = None,
) -> np.ndarray:
    """A window BHW of some bands, counted from 1; `corner`: (row, col) of the raster's first pixel.

    Pixels that the file says hold no data, and that are not `blank`, are NaN. shape: to read fewer pixels, the nearest
    of each.
    """
    part = RasterWindow.from_slices(*window.slices(corner))
    out = None if shape is None else (len(bands), *shape)
    value_BHW: np.ndarray = source.read(bands, window=part, out_shape=out)
    empty_HW = np.zeros(value_BHW.shape[1:], bool)
    for band_HW, band in zip(value_BHW, bands, strict=True):
        tag = source.nodatavals[band - 1]
        if tag is not None and tag != blank:
            empty_HW |= equals(band_HW, tag)
    if all(MaskFlags.per_dataset in source.mask_flag_enums[band - 1] for band in bands):
        empty_HW |= source.read_masks(bands[0], window=part, out_shape=shape) == 0
    return np.where(empty_HW, np.float32(np.nan), value_BHW.astype(np.float32)) if empty_HW.any() else value_BHW


def file_identity(file: Path) -> list[str | int]:
    """What tells a file from others, and from itself after a change: path, bytes, and time of the last change (ns)."""
    status = file.stat()
    return [str(file.resolve()), status.st_size, status.st_mtime_ns]

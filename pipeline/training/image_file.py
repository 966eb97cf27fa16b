"""One file of a labelled folder: its numbers, the pixels that it says hold none, and where it lies."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import MaskFlags
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError

from catalogs.access import is_below
from pipeline.errors import UserError, first_line
from pipeline.training.orientation import UPRIGHT, orientation
from pipeline.training.place import Place, place_of

FORMATS = ("PNG", "JPEG", "GTiff")
"""Formats that contain their pixels. Others, such as VRT, may name any file or server."""
MAX_PIXELS = 2**25
"""Of an image, which is mapped in one piece: 5,792 px square."""
STRICT = {"GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO"}
"""Without it GDAL reads a truncated PNG as garbage, without an error."""


@dataclass(frozen=True)
class ImageFile:
    """Numbers BHW as they are stored, and HW of the pixels that the file's nodata tag or mask says hold none.

    nodata: the tags of the bands.
    """

    array_BHW: np.ndarray
    empty_HW: np.ndarray
    nodata: tuple[float | None, ...]
    place: Place | None


def read_file(file: Path, folder: Path, bands: int, of: str) -> ImageFile:
    """A file below `folder` of that many bands; `of` says what they are. Raises UserError."""
    check_regular(file, folder)
    with _open(file, folder) as source:
        height, width = source.shape
        blocks = [rows * columns for rows, columns in source.block_shapes]
        if max(height * width, *blocks) > MAX_PIXELS:
            raise UserError(
                f"{file} is {width} x {height} px, but an image may have {MAX_PIXELS:,} px; cut it into tiles, as "
                "gdal_retile does"
            )
        if source.count != bands:
            raise UserError(f"{file} has {source.count} bands, but {of}")
        if any(np.dtype(dtype).kind not in "uif" for dtype in source.dtypes):
            raise UserError(f"{file} holds numbers of the type {source.dtypes[0]}; write real numbers")
        place, array_BHW = place_of(source), source.read()
        empty_HW = np.zeros((height, width), bool)
        if all(flags == [MaskFlags.per_dataset] for flags in source.mask_flag_enums):
            empty_HW = source.read_masks(1) == 0
        nodata = tuple(None if value is None else float(value) for value in source.nodatavals)
    turn = orientation(file)
    if turn != UPRIGHT:
        raise UserError(
            f"{file} is stored turned or mirrored (its orientation tag is {turn}), so it does not lie as it is shown; "
            "write it upright without the tag, and its label alike"
        )
    return ImageFile(array_BHW, empty_HW, nodata, place)


def find_place(file: Path) -> Place | None:
    """Where a file of a labelled folder lies; None where it does not say. Raises UserError."""
    with _open(file, file.parent.parent) as source:
        return place_of(source)


def read_place(file: Path) -> Place:
    """`find_place`; UserError where the file does not say."""
    place = find_place(file)
    if place is None:
        raise UserError(f"{file} has no georeference, so it has no place to split by; name 'validation' instead")
    return place


def equals(value_HW: np.ndarray, tag: float) -> np.ndarray:
    """Where a band holds its nodata tag, which may be NaN."""
    return np.isnan(value_HW) if np.isnan(tag) else value_HW == tag


def check_regular(file: Path, folder: Path) -> None:
    """UserError unless it is a file, and one below `folder` also after links are followed."""
    if not file.is_file():
        raise UserError(f"{file} is not a regular file; take it out")
    if not is_below(file, (str(folder),)):
        raise UserError(f"{file} leads out of {folder} to {file.resolve()}; copy the file into the folder")


@contextmanager
def _open(file: Path, folder: Path) -> Iterator[rasterio.DatasetReader]:
    try:
        with warnings.catch_warnings(), rasterio.Env(**STRICT):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.DatasetReader(os.fspath(file.absolute()), driver=list(FORMATS)) as source:
                if source.tags(ns="OVERVIEWS") or not all(is_below(name, (str(folder),)) for name in source.files):
                    raise UserError(f"{file} names another file outside {folder}; write it again without")
                yield source
    except (RasterioError, CRSError, OSError, MemoryError) as error:
        raise UserError(
            f"{file} cannot be read as {', '.join(FORMATS[:-1])} or GeoTIFF ({first_line(error)}); take it out "
            "or write it again"
        ) from None

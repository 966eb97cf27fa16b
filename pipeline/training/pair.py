"""An image and its label as arrays that lie on each other, pixel by pixel."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from cluster.memory import machine_memory
from pipeline.errors import UserError
from pipeline.training.image_file import ImageFile, equals, read_file
from pipeline.training.labels import LabelValues, read_label_file
from pipeline.training.place import NEAR, distance_px

Pair = tuple[np.ndarray, np.ndarray]
"""Image BHW and label HW of one labelled area."""


def read_pair(image: Path, label: Path, values: LabelValues, bands: tuple[str, ...], blank: float | None) -> Pair:
    """Image BHW and class codes HW of two files that lie alike, rows from north to south where both are georeferenced.

    bands: of the model or the recipe. blank: the number that stands for no data. Pixels whose file says by another
    number, or by a mask, that they hold no data are NaN, and the image is float32 then. Raises UserError for files that
    are unreadable, of different size or place.
    """
    pixels = read_file(image, image.parent.parent, len(bands), f"the model takes {len(bands)}: {', '.join(bands)}")
    marks = read_label_file(label)
    _check_alike(image, pixels, label, marks)
    image_BHW, label_HW = data_or_nan(pixels, blank), values.codes_of(marks, label)
    if pixels.place and marks.place:
        return _north_up(image_BHW, pixels.place.flips), _north_up(label_HW, marks.place.flips)
    return image_BHW, label_HW


def read_pairs(
    files: Iterable[tuple[Path, Path]], values: LabelValues, bands: tuple[str, ...], blank: float | None
) -> list[Pair]:
    """All pairs, in memory. Raises UserError, also where they take more than half of the machine's."""
    pairs: list[Pair] = []
    for image, label in files:
        pairs.append(read_pair(image, label, values, bands, blank))
        check_memory([array for pair in pairs for array in pair], image)
    return pairs


def check_memory(arrays: Iterable[np.ndarray], last: Path) -> None:
    """Raises UserError where the arrays, of files up to `last`, take more than half of the machine's memory."""
    total = sum(array.nbytes for array in arrays)
    if total > machine_memory() // 2:
        raise UserError(
            f"the images and labels up to {last} take {total / 1e9:.1f} GB, more than half of this machine's "
            "memory; name fewer of them in 'include', or train on a larger machine"
        )


def data_or_nan(image: ImageFile, blank: float | None) -> np.ndarray:
    """Its numbers BHW; float32 with NaN where the file says, by another number than `blank`, that there are none."""
    empty_HW = image.empty_HW.copy()
    for band_HW, tag in zip(image.array_BHW, image.nodata, strict=True):
        if tag is not None and tag != blank:
            empty_HW |= equals(band_HW, tag)
    if not empty_HW.any():
        return image.array_BHW
    with np.errstate(over="ignore"):
        return np.where(empty_HW, np.float32(np.nan), image.array_BHW.astype(np.float32))


def _check_alike(image: Path, pixels: ImageFile, label: Path, marks: ImageFile) -> None:
    (tall, wide), (label_tall, label_wide) = pixels.array_BHW.shape[1:], marks.array_BHW.shape[1:]
    if (tall, wide) != (label_tall, label_wide):
        raise UserError(
            f"{image} is {wide} x {tall} px, but its label {label.name} is {label_wide} x {label_tall} px; "
            "they must have one size"
        )
    if pixels.place is None or marks.place is None:
        for file, place, other in ((image, pixels.place, label), (label, marks.place, image)):
            if place is not None and any(place.flips):
                raise UserError(
                    f"{file} is stored from south to north or from east to west, and {other.name} does not say how it "
                    "lies; write both north-up (gdalwarp), or both with their georeference"
                )
        return
    image_place, label_place = pixels.place.north_up(), marks.place.north_up()
    if distance_px(image_place, label_place) > NEAR:
        raise UserError(
            f"{image} begins at {image_place}, but its label {label.name} at {label_place}; they must lie on each "
            "other pixel by pixel"
        )


def _north_up(array: np.ndarray, flips: tuple[bool, bool]) -> np.ndarray:
    rows, columns = flips
    if not rows and not columns:
        return array
    return np.ascontiguousarray(array[..., :: -1 if rows else 1, :: -1 if columns else 1])

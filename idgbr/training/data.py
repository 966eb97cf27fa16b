"""Random training crops from images of different sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idgbr.errors import InputError
from idgbr.settings import class_index

Pair = tuple[NDArray[Any], NDArray[np.uint8]]
"""image_CHW in raw numbers and label_HW in class codes, 0 = not labelled."""


@dataclass(frozen=True)
class Augmentation:
    """gain: standard deviation of the log brightness of a crop; band_gain: of each of its bands;
    nodata: share of crops with a rectangle of no data, which is not scored."""

    gain: float = 0.1
    band_gain: float = 0.05
    nodata: float = 0.1


def check_pairs(pairs: Sequence[Pair], bands: int, codes: tuple[int, ...]) -> None:
    """InputError unless every image has `bands` bands, its label its size, and the labels only known codes."""
    if not pairs:
        raise InputError("training needs at least one pair of image and label")
    for number, (image_CHW, label_HW) in enumerate(pairs):
        if image_CHW.ndim != 3 or image_CHW.shape[0] != bands or image_CHW.shape[1:] != label_HW.shape:
            raise InputError(
                f"pair {number} has an image of shape {image_CHW.shape} and a label of shape {label_HW.shape}, "
                f"but ({bands}, height, width) and (height, width) are needed"
            )
        class_index(label_HW, codes)
    if not any(label_HW.any() for _, label_HW in pairs):
        raise InputError("all labels are 0, which means not labelled; nothing can be learnt from them")


def band_statistics(pairs: Sequence[Pair]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each band over the pixels with data."""
    pixels = [image_CHW[:, image_CHW.any(0)].astype(np.float64) for image_CHW, _ in pairs]
    count = sum(values.shape[1] for values in pixels)
    mean_C = sum(values.sum(1) for values in pixels) / count
    variance_C = sum(((values - mean_C[:, None]) ** 2).sum(1) for values in pixels) / count
    return tuple(mean_C.tolist()), tuple(np.sqrt(variance_C).clip(1e-6).tolist())


def crops(
    pairs: Sequence[Pair],
    codes: tuple[int, ...],
    size: int,
    batch: int,
    random: np.random.Generator,
    augmentation: Augmentation | None = Augmentation(),
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.uint8]]]:
    """Endless batches of image_BCHW (raw numbers) and index_BHW (class index, UNLABELLED outside).

    Images are drawn in proportion to their area; those smaller than the crop are filled with no data.
    """
    area = np.array([label_HW.size for _, label_HW in pairs], np.float64)
    while True:
        chosen = random.choice(len(pairs), batch, p=area / area.sum())
        drawn = [_crop(pairs[number], size, random) for number in chosen]
        if augmentation is not None:
            drawn = [_augment(image_CHW, label_HW, augmentation, random) for image_CHW, label_HW in drawn]
        yield np.stack([image for image, _ in drawn]), class_index(np.stack([label for _, label in drawn]), codes)


def _crop(pair: Pair, size: int, random: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    image_CHW, label_HW = pair
    y, x = (int(random.integers(max(1, side - size + 1))) for side in label_HW.shape)
    image = image_CHW[:, y : y + size, x : x + size].astype(np.float32)
    label = label_HW[y : y + size, x : x + size]
    missing = [(0, size - side) for side in label.shape]
    return np.pad(image, [(0, 0), *missing]), np.pad(label, missing)


def _augment(
    image_CHW: NDArray[np.float32], label_HW: NDArray[np.uint8], how: Augmentation, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    turns, mirrored = int(random.integers(4)), bool(random.integers(2))
    image = np.rot90(image_CHW, turns, (1, 2))
    label = np.rot90(label_HW, turns)
    if mirrored:
        image, label = image[:, :, ::-1], label[:, ::-1]
    log_gain_C = random.normal(0, how.gain) + random.normal(0, how.band_gain, image.shape[0])
    image = image * np.exp(log_gain_C).astype(np.float32)[:, None, None]
    label = label.copy()
    if random.random() < how.nodata:
        size = label.shape[0]
        height, width = (int(side) for side in random.integers(size // 16 + 1, size // 2 + 2, 2))
        y, x = (int(start) for start in random.integers(0, size, 2))
        image[:, y : y + height, x : x + width] = 0
        label[y : y + height, x : x + width] = 0
    return image, label

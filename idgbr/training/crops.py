"""Random training crops as a function of the step, so that a training can be resumed and shared out among ranks."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from idgbr.classes import class_index
from idgbr.errors import InputError
from idgbr.no_data import missing_of_array
from idgbr.training import ranks

Pair = tuple[NDArray[Any], NDArray[np.uint8]]
"""image_CHW in raw numbers and label_HW in class codes or the code for no label."""

Item = TypeVar("Item")
Sample = tuple[NDArray[Any], NDArray[np.uint8], NDArray[Any] | None]


@dataclass(frozen=True)
class Augmentation:
    """Besides flips and quarter turns. gain: standard deviation of the log brightness of a crop; band_gain: of each of
    its bands; nodata: share of crops with a rectangle of no data, which is not scored (only where images have a number
    for no data); zoom: crops are magnified or shrunk by up to 1 + zoom."""

    gain: float = 0.1
    band_gain: float = 0.05
    nodata: float = 0.1
    zoom: float = 0.0


@dataclass(frozen=True)
class Crops:
    """Batches of `batch` crops of `size` px from images drawn in proportion to their area.

    extras: further arrays KHW, one a pair and of its size, that are cropped, turned and zoomed along (nearest where
    integers, else bilinear), their brightness kept. augmentation None: crops as they are. An image smaller than the
    crop is filled up by repeating its edge (as `idgbr.inference.tiling` does) and without label.
    """

    pairs: Sequence[Pair]
    codes: tuple[int, ...]
    size: int
    batch: int
    seed: int
    augmentation: Augmentation | None = Augmentation()
    no_label: int = 0
    blank: float | None = 0.0
    extras: Sequence[NDArray[Any]] | None = None

    def __post_init__(self) -> None:
        if self.extras is not None and len(self.extras) != len(self.pairs):
            raise InputError(f"{len(self.pairs)} pairs need as many extra arrays, not {len(self.extras)}")

    def __call__(self, step: int, rank: int | None = None) -> tuple[NDArray[Any], ...]:
        """image_BCHW (raw numbers, float32), index_BHW (class index, UNLABELLED where none) and, if there are extras,
        extra_BKHW, drawn by (seed, step, rank) alone. rank: this process's own where None."""
        random = random_of(self.seed, step, ranks.rank() if rank is None else rank, "crops")
        area = np.array([label_HW.size for _, label_HW in self.pairs], np.float64)
        chosen = random.choice(len(self.pairs), self.batch, p=area / area.sum())
        images, labels, extras = zip(*(self._draw(int(number), random) for number in chosen), strict=True)
        index_BHW = class_index(np.stack(labels), self.codes, self.no_label)
        if self.extras is None:
            return np.stack(images), index_BHW
        return np.stack(images), index_BHW, np.stack(extras)

    def _draw(self, number: int, random: np.random.Generator) -> Sample:
        image_CHW, label_HW = self.pairs[number]
        extra_KHW = None if self.extras is None else self.extras[number]
        if extra_KHW is not None and extra_KHW.shape[1:] != label_HW.shape:
            raise InputError(
                f"the extra array of pair {number} has shape {extra_KHW.shape}, but (channels, {label_HW.shape[0]}, "
                f"{label_HW.shape[1]}) is needed"
            )
        zoom = 0.0 if self.augmentation is None else np.log1p(self.augmentation.zoom)
        side = max(1, round(self.size * float(np.exp(random.uniform(-zoom, zoom)))))
        y, x = (int(random.integers(max(1, length - side + 1))) for length in label_HW.shape)
        window = (slice(y, y + side), slice(x, x + side))
        missing = [(0, side - length) for length in label_HW[window].shape]
        image = np.pad(image_CHW[:, *window].astype(np.float32), [(0, 0), *missing], "edge")
        label = np.pad(label_HW[window], missing, constant_values=self.no_label)
        extra = None if extra_KHW is None else np.pad(extra_KHW[:, *window], [(0, 0), *missing], "edge")
        if side != self.size:
            label = _nearest(label, self.size)
            image = self._zoomed(image)
            extra = None if extra is None else _resized(extra, self.size)
        return (image, label, extra) if self.augmentation is None else self._augmented(image, label, extra, random)

    def _zoomed(self, image_CHW: NDArray[np.float32]) -> NDArray[np.float32]:
        """The image resized from its pixels with data; those without stay without."""
        data_HW = ~missing_of_array(image_CHW, self.blank)
        if self.blank is None and data_HW.all():
            return _bilinear(image_CHW, self.size)
        none = np.float32(np.nan if self.blank is None else self.blank)
        sum_CHW = _bilinear(np.where(data_HW, image_CHW, np.float32(0)), self.size)
        weight_HW = _bilinear(data_HW[None].astype(np.float32), self.size)[0]
        kept_HW = _nearest(data_HW, self.size)
        return np.where(kept_HW, sum_CHW / np.where(kept_HW, weight_HW, 1), none)

    def _augmented(
        self,
        image_CHW: NDArray[Any],
        label_HW: NDArray[np.uint8],
        extra_KHW: NDArray[Any] | None,
        random: np.random.Generator,
    ) -> Sample:
        augmentation = self.augmentation or Augmentation()
        turns, mirrored = int(random.integers(4)), bool(random.integers(2))

        def turn(array: NDArray[Any]) -> NDArray[Any]:
            turned = np.rot90(array, turns, (-2, -1))
            return turned[..., ::-1] if mirrored else turned

        log_gain_C = random.normal(0, augmentation.gain) + random.normal(0, augmentation.band_gain, len(image_CHW))
        gain_C11 = np.exp(log_gain_C).astype(np.float32)[:, None, None]
        image, label = turn(image_CHW), turn(label_HW)
        extra = None if extra_KHW is None else turn(extra_KHW)
        if self.blank is None:
            return image * gain_C11, label, extra
        image = np.where((image != self.blank).any(0), image * gain_C11, np.float32(self.blank))
        if random.random() < augmentation.nodata:
            height, width = (int(side) for side in random.integers(self.size // 16 + 1, self.size // 2 + 2, 2))
            y, x = (int(start) for start in random.integers(0, self.size, 2))
            image[:, y : y + height, x : x + width] = self.blank
            label[y : y + height, x : x + width] = self.no_label
        return image, label, extra


def random_of(seed: int, step: int, rank: int = 0, stream: str = "") -> np.random.Generator:
    """Random numbers that depend on these four alone (Philox; step below 2**40)."""
    key = np.array([seed % 2**64, rank * 2**40 + step], np.uint64)
    return np.random.Generator(np.random.Philox(counter=[0, 0, 0, zlib.crc32(stream.encode())], key=key))


class Prefetch(Generic[Item]):
    """What `prefetch` returns: call it with a step; leave it (`with`) to end its thread at once."""

    def __init__(self, function: Callable[[int], Item], steps: int, depth: int) -> None:
        self._function, self._steps, self._depth = function, steps, depth
        self._due: dict[int, Future[Item]] = {}
        self._thread = ThreadPoolExecutor(1, "prefetch")

    def __call__(self, step: int) -> Item:
        for due in range(step, max(step, min(step + self._depth, self._steps)) + 1):
            if due not in self._due:
                self._due[due] = self._thread.submit(self._function, due)
        return self._due.pop(step).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)


def prefetch(function: Callable[[int], Item], steps: int, depth: int = 2) -> Prefetch[Item]:
    """`function` of a step, computed up to `depth` steps ahead (none after `steps`) in a thread of its own.

    Raises what `function` raises, at the step that it is about. Steps are meant to be asked for in rising order. The
    thread ends with the `with` block, or when the object is no longer used.
    """
    return Prefetch(function, steps, depth)


def check_pairs(pairs: Sequence[Pair], bands: int, codes: tuple[int, ...], no_label: int = 0) -> None:
    """InputError unless every pair fits, and some pixel has a label."""
    check_each(pairs, bands, codes, no_label)
    if not any((label_HW != no_label).any() for _, label_HW in pairs):
        raise InputError(f"all labels are {no_label}, which means not labelled; nothing can be learnt from them")


def check_each(pairs: Sequence[Pair], bands: int, codes: tuple[int, ...], no_label: int) -> None:
    """InputError unless there is a pair, every image has `bands` bands, its label its size, and the labels only known
    codes."""
    if not pairs:
        raise InputError("at least one pair of image and label is needed")
    for number, (image_CHW, label_HW) in enumerate(pairs):
        if image_CHW.ndim != 3 or image_CHW.shape[0] != bands or image_CHW.shape[1:] != label_HW.shape:
            raise InputError(
                f"pair {number} has an image of shape {image_CHW.shape} and a label of shape {label_HW.shape}, "
                f"but ({bands}, height, width) and (height, width) are needed"
            )
        if image_CHW.dtype.kind not in "biuf":
            raise InputError(f"the image of pair {number} must hold real numbers, not {image_CHW.dtype}")
        class_index(label_HW, codes, no_label)


def band_statistics(pairs: Sequence[Pair], blank: float | None = 0.0) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each band over the pixels with data (`idgbr.no_data`)."""
    pixels = []
    for image_CHW, _ in pairs:
        data_HW = ~missing_of_array(image_CHW, blank)
        whole = blank is None and data_HW.all()
        pixels.append(image_CHW.reshape(len(image_CHW), -1) if whole else image_CHW[:, data_HW])
    count = sum(values.shape[1] for values in pixels)
    if count == 0:
        raise InputError(f"no pixel has data: all numbers of all images are {blank} or not finite")
    mean_C = sum(values.sum(1, dtype=np.float64) for values in pixels) / count
    variance_C = sum(((values - mean_C[:, None]) ** 2).sum(1) for values in pixels) / count
    return tuple(mean_C.tolist()), tuple(np.sqrt(variance_C).clip(1e-6).tolist())


def _nearest(array: NDArray[Any], size: int) -> NDArray[Any]:
    position_N = ((np.arange(size) + 0.5) * array.shape[-1] / size).astype(int)
    return array[..., position_N[:, None], position_N]


def _bilinear(array_CHW: NDArray[Any], size: int) -> NDArray[np.float32]:
    """A square to another size, pixel centres kept in place, in float32."""
    side = array_CHW.shape[-1]
    position_N = ((np.arange(size) + 0.5) * side / size - 0.5).clip(0, side - 1)
    low_N = np.minimum(position_N.astype(int), max(0, side - 2))
    high_N, part_N = np.minimum(low_N + 1, side - 1), (position_N - low_N).astype(np.float32)
    value = array_CHW.astype(np.float32)
    value = value[:, low_N] * (1 - part_N)[:, None] + value[:, high_N] * part_N[:, None]
    return value[:, :, low_N] * (1 - part_N) + value[:, :, high_N] * part_N


def _resized(array_KHW: NDArray[Any], size: int) -> NDArray[Any]:
    if np.issubdtype(array_KHW.dtype, np.integer):
        return _nearest(array_KHW, size)
    return _bilinear(array_KHW, size).astype(array_KHW.dtype)

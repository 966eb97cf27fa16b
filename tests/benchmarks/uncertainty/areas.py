"""Areas of classes as distributions, and how good these are against the truth.

Axes: U units (blocks or zones), K classes, M members, S samples, N calibration units. Areas are in pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.special import ndtr, ndtri

LEVELS = (0.9, 0.95)


@dataclass(frozen=True)
class Forecast:
    """crps_UK: continuous ranked probability score. low_UK, high_UK: of the interval of each level."""

    crps_UK: np.ndarray
    low_UK: dict[float, np.ndarray]
    high_UK: dict[float, np.ndarray]

    def coverage(self, truth_UK: np.ndarray, level: float) -> np.ndarray:
        """Whether each interval holds the truth."""
        return (self.low_UK[level] <= truth_UK) & (truth_UK <= self.high_UK[level])

    def width(self, level: float) -> np.ndarray:
        return self.high_UK[level] - self.low_UK[level]

    @classmethod
    def gaussian(cls, truth_UK: np.ndarray, mean_UK: np.ndarray, deviation_UK: np.ndarray, size_U1: np.ndarray) -> Self:
        """A normal distribution; no area is below 0 or above that of its unit."""
        deviation_UK = np.maximum(deviation_UK, 1e-9)
        z_UK = (truth_UK - mean_UK) / deviation_UK
        density_UK = np.exp(-np.square(z_UK) / 2) / np.sqrt(2 * np.pi)
        crps_UK = deviation_UK * (z_UK * (2 * ndtr(z_UK) - 1) + 2 * density_UK - 1 / np.sqrt(np.pi))
        reach = {level: ndtri((1 + level) / 2) * deviation_UK for level in LEVELS}
        return cls(
            crps_UK,
            {level: np.clip(mean_UK - half_UK, 0, size_U1) for level, half_UK in reach.items()},
            {level: np.clip(mean_UK + half_UK, 0, size_U1) for level, half_UK in reach.items()},
        )

    @classmethod
    def conformal(
        cls,
        truth_UK: np.ndarray,
        mean_UK: np.ndarray,
        scale_UK: np.ndarray,
        residual_NK: np.ndarray,
        size_U1: np.ndarray,
    ) -> Self:
        """Split conformal prediction: errors of calibration units, divided by their scale, are those of new ones."""
        count = len(residual_NK)
        ordered_NK = np.sort(residual_NK, 0)
        error_NUK = mean_UK + ordered_NK[:, None] * scale_UK - truth_UK
        weight_N11 = (2 * np.arange(1, count + 1) - count - 1)[:, None, None] / count**2
        crps_UK = np.abs(error_NUK).mean(0) - (weight_N11 * error_NUK).sum(0)
        low, high = {}, {}
        for level in LEVELS:
            below = int((count + 1) * (1 - level) / 2)
            if below < 1:
                raise ValueError(f"{count} calibration units are too few for {level:.0%} intervals")
            low[level] = np.clip(mean_UK + ordered_NK[below - 1] * scale_UK, 0, size_U1)
            high[level] = np.clip(mean_UK + ordered_NK[count - below] * scale_UK, 0, size_U1)
        return cls(crps_UK, low, high)


@dataclass(frozen=True)
class Units:
    """Squares of `side` px of places, row by row: what can be said of the class areas in each.

    truth_UK, size_U1: true areas, and pixels with data. members_MUK: areas that each member expects. alone_UK: variance
    if the errors of pixels had nothing to do with each other. counted_UK: pixels of the map by their likeliest class.
    """

    truth_UK: np.ndarray
    size_U1: np.ndarray
    members_MUK: np.ndarray
    alone_UK: np.ndarray
    counted_UK: np.ndarray

    @classmethod
    def of(cls, index_HW: np.ndarray, mean_KHW: np.ndarray, block_MKhw: np.ndarray, side: int) -> Self:
        """index_HW: of the true class. mean_KHW: mean probabilities; pixels without data, where all are 0, are left
        out. block_MKhw: areas that each member expects in the blocks of which the squares are made."""
        classes_K11 = np.arange(len(mean_KHW))[:, None, None]
        seen_HW = mean_KHW.any(0)
        blocks = side * block_MKhw.shape[-1] // index_HW.shape[-1]
        return cls(
            sums((index_HW == classes_K11) & seen_HW, side),
            sums(seen_HW[None], side),
            np.stack([sums(block_Khw, blocks) for block_Khw in block_MKhw]),
            sums(mean_KHW * (1 - mean_KHW), side),
            sums((mean_KHW.argmax(0) == classes_K11) & seen_HW, side),
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        return cls(*(np.concatenate([getattr(part, name) for part in parts], -2) for name in cls.__dataclass_fields__))

    @property
    def mean_UK(self) -> np.ndarray:
        return self.members_MUK.mean(0)

    @property
    def scale_UK(self) -> np.ndarray:
        """What errors are in proportion to: the spread of pixels on their own, of one pixel at least."""
        return np.sqrt(self.alone_UK + 1)

    def alone(self) -> Forecast:
        """As if the errors of pixels had nothing to do with each other."""
        return self.spread(np.sqrt(self.alone_UK))

    def apart(self) -> Forecast:
        """The variance between the members, and that of pixels on their own."""
        return self.spread(np.sqrt(self.alone_UK + self.members_MUK.var(0, ddof=1)))

    def spread(self, deviation_UK: np.ndarray) -> Forecast:
        return Forecast.gaussian(self.truth_UK, self.mean_UK, deviation_UK, self.size_U1)

    def conformal(self, calibration: Self, counted: bool = False) -> Forecast:
        """By the errors on the calibration's places; counted: around the pixels of the map."""
        mean_UK, known_UK = (each.counted_UK if counted else each.mean_UK for each in (self, calibration))
        residual_NK = (calibration.truth_UK - known_UK) / calibration.scale_UK
        return Forecast.conformal(self.truth_UK, mean_UK, self.scale_UK, residual_NK, self.size_U1)


def sums(value_KHW: np.ndarray, side: int) -> np.ndarray:
    """UK sums over squares of `side` px."""
    classes, height, width = value_KHW.shape
    squares = value_KHW.reshape(classes, height // side, side, width // side, side)
    return squares.sum((2, 4), dtype=np.float64).reshape(classes, -1).T


def correlated(length: float, samples: int, classes: int, side: int) -> np.ndarray:
    """SKHW standard Gumbel noise, correlated over `length` px, of a Gaussian copula."""
    random = np.random.default_rng(0)
    normal = random.standard_normal((samples, classes, side, side), np.float32)
    if length:
        normal = gaussian_filter(normal, (0, 0, length, length), mode="wrap")
        normal /= normal.std((-2, -1), keepdims=True)
    return (-np.log(-np.log(ndtr(normal).clip(1e-7, 1 - 1e-7)))).astype(np.float32)


def copula_deviation(probability_KHW: np.ndarray, gumbel_SKHW: np.ndarray, side: int) -> np.ndarray:
    """UK spread of the class areas of samples of the map whose pixels have these probabilities.

    gumbel_SKHW: of a part of the map, and repeated over it.
    """
    score_KHW = np.log(probability_KHW.clip(1e-12))
    seen_HW = probability_KHW.any(0)
    classes_K11 = np.arange(len(probability_KHW))[:, None, None]
    times = len(seen_HW) // gumbel_SKHW.shape[-1]
    areas = [
        sums(((score_KHW + np.tile(gumbel_KHW, (1, times, times))).argmax(0) == classes_K11) & seen_HW, side)
        for gumbel_KHW in gumbel_SKHW
    ]
    return np.std(areas, 0, ddof=1)

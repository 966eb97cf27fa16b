"""Smooth random fields over the plane, from seeded streams, read anywhere by linear interpolation."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

Bounds = tuple[float, float, float, float]

CELLS_PER_SIGMA = 2.5


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """An independent random generator for every (seed, names); the same arguments give the same numbers."""
    words = [zlib.crc32(str(name).encode()) for name in names]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *words])))


@dataclass(frozen=True)
class Field:
    """Values on a north-up lattice; (west, north) is the position of the first value, metres."""

    value_YX: NDArray[np.float32]
    west: float
    north: float
    spacing: float

    def at(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float32]:
        """Values at any positions, in the shape of `x` and `y`."""
        place = np.stack([(self.north - np.asarray(y)) / self.spacing, (np.asarray(x) - self.west) / self.spacing])
        return map_coordinates(self.value_YX, place, output=np.float32, order=1, mode="nearest")

    def on(self, x_X: NDArray[np.float64], y_Y: NDArray[np.float64]) -> NDArray[np.float32]:
        """Values on the grid of the columns `x_X` and rows `y_Y`: as `at`, an order of magnitude faster."""
        height, width = self.value_YX.shape
        top_Y, down_Y = _cell((self.north - y_Y) / self.spacing, height)
        left_X, right_X = _cell((x_X - self.west) / self.spacing, width)
        column_YX = self.value_YX[top_Y]
        column_YX += (self.value_YX[top_Y + 1] - column_YX) * down_Y[:, None]
        step_YX = np.diff(column_YX, axis=1)
        value_YX = np.take(step_YX, left_X, axis=1)
        value_YX *= right_X
        value_YX += np.take(column_YX, left_X, axis=1)
        return value_YX


def smooth_field(
    rng: np.random.Generator, bounds: Bounds, scale: float, octaves: int = 1, persistence: float = 0.55
) -> Field:
    """Gaussian noise of mean 0 and deviation 1 over `bounds`, blurred to `scale` metres (sigma).

    Each further octave halves the scale and weighs `persistence` of the one before.
    """
    spacing = scale / 2 ** (octaves - 1) / CELLS_PER_SIGMA
    finest = _lattice(bounds, spacing)
    value_YX = _octave(rng, bounds, scale).on(*finest)
    for octave in range(1, octaves):
        value_YX += persistence**octave * _octave(rng, bounds, scale / 2**octave).on(*finest)
    value_YX /= np.sqrt(sum(persistence ** (2 * octave) for octave in range(octaves)))
    return Field(value_YX, float(finest[0][0]), float(finest[1][0]), spacing)


def _octave(rng: np.random.Generator, bounds: Bounds, scale: float) -> Field:
    spacing = scale / CELLS_PER_SIGMA
    x_X, y_Y = _lattice(bounds, spacing)
    pad = int(4 * CELLS_PER_SIGMA)
    white_YX = rng.standard_normal((len(y_Y) + 2 * pad, len(x_X) + 2 * pad), dtype=np.float32)
    blurred_YX = gaussian_filter(white_YX, CELLS_PER_SIGMA)[pad:-pad, pad:-pad]
    # A Gaussian blur of white noise has the deviation 1 / (2 sqrt(pi) sigma).
    return Field(blurred_YX * np.float32(2 * np.sqrt(np.pi) * CELLS_PER_SIGMA), float(x_X[0]), float(y_Y[0]), spacing)


def _lattice(bounds: Bounds, spacing: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    west, south, east, north = bounds
    columns = int(np.ceil((east - west) / spacing)) + 3
    rows = int(np.ceil((north - south) / spacing)) + 3
    column_X = np.arange(-1, columns - 1, dtype=np.float64)
    row_Y = np.arange(-1, rows - 1, dtype=np.float64)
    return west + column_X * spacing, north - row_Y * spacing


def _cell(place_N: NDArray[np.float64], size: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    cell_N = np.clip(np.floor(place_N), 0, size - 2).astype(np.intp)
    return cell_N, np.clip(place_N - cell_N, 0, 1).astype(np.float32)

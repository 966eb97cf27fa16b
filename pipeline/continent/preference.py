"""Which of several cubes a block is taken from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

Prefer = Literal["newest", "most-observed"]
PREFERENCES: tuple[Prefer, ...] = get_args(Prefer)
KEYS: Mapping[Prefer, tuple[str, str]] = {
    "newest": ("published_YX", "clear_YX"),
    "most-observed": ("clear_YX", "published_YX"),
}


@dataclass(frozen=True)
class Offer:
    """What one cube has of a rectangle of blocks in one period, int64.

    state_YX: 0 nothing, 1 a map of ground that was never seen clear, 2 a map. held_PYX: pixels in the cube's region, of
    the block itself and then of ever more around it. published_YX: when the map was first published, in microseconds
    after 1970. clear_YX: clear observations of the block's median pixel.
    """

    state_YX: np.ndarray
    held_PYX: np.ndarray
    published_YX: np.ndarray
    clear_YX: np.ndarray

    def rank(self, prefer: Prefer) -> np.ndarray:
        """Keys KYX, the most important first."""
        first, second = (getattr(self, name) for name in KEYS[prefer])
        return np.stack([self.state_YX, *self.held_PYX, first, second])


def choose(rank_SKYX: np.ndarray) -> np.ndarray:
    """For each block the index of the cube with the highest keys, the first cube at a tie; -1 where no cube has a map.

    A map of seen ground comes before one of ground never seen; then the cube whose region holds most of the block; then
    the one whose region goes on farther around it, for a map is made with what lies around; then what is preferred.
    """
    cubes, _, rows, cols = rank_SKYX.shape
    earlier_SYX = np.broadcast_to(-np.arange(cubes)[:, None, None], (cubes, rows, cols))
    order_SYX = np.lexsort((earlier_SYX, *np.moveaxis(rank_SKYX, 1, 0)[::-1]), axis=0)
    return np.where(rank_SKYX[:, 0].any(0), order_SYX[-1], -1)

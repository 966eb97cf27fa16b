"""What an update found of the change of the land."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import label

PLACE_KM2 = 0.005
"""Least area of a place, the `min_area` of a region's section `change`."""
WHOLE = np.ones((3, 3))


@dataclass(frozen=True)
class ClassPixels:
    """Pixels that changed from one class to another: found, by the maps before and after where change was found; true,
    in truth."""

    from_: str
    to: str
    found: int
    true: int


@dataclass(frozen=True)
class FoundChange:
    """Changed pixels beside the true change.

    true_km2: land that is another class than before. places: its connected pieces of half a hectare or more.
    places_found: those of which half the pixels were found. share_found: of the true change, null where there is none.
    share_true: of the pixels found, those that truly changed, null where none were found.
    """

    true_km2: float
    places: int
    places_found: int
    share_found: float | None
    share_true: float | None

    @classmethod
    def of(cls, was_HW: np.ndarray, is_HW: np.ndarray, changed_HW: np.ndarray, resolution: float) -> "FoundChange":
        """From the true classes before and now, and the pixels found to have changed; resolution in metres."""
        true_HW = was_HW != is_HW
        pixel_km2 = resolution**2 / 1e6
        piece_HW, count = label(true_HW, WHOLE)
        size_P = np.bincount(piece_HW.ravel(), minlength=count + 1)[1:]
        found_P = np.bincount(piece_HW.ravel(), changed_HW.ravel(), minlength=count + 1)[1:]
        place_P = size_P * pixel_km2 >= PLACE_KM2
        both = int((true_HW & changed_HW).sum())
        return cls(
            true_km2=round(float(true_HW.sum()) * pixel_km2, 6),
            places=int(place_P.sum()),
            places_found=int((place_P & (2 * found_P >= size_P)).sum()),
            share_found=_share(both, int(true_HW.sum())),
            share_true=_share(both, int(changed_HW.sum())),
        )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def class_pixels(
    found_2HW: np.ndarray, true_2HW: np.ndarray, changed_HW: np.ndarray, names: Mapping[int, str]
) -> list[ClassPixels]:
    """The changes from class to class, the most frequent in truth first.

    found_2HW, true_2HW: codes of the maps and of the truth before and after. changed_HW: where change was found. names:
    of the codes.
    """
    found, true = _pairs(found_2HW, changed_HW), _pairs(true_2HW, np.ones_like(changed_HW))
    every = sorted({*found, *true}, key=lambda pair: (-true.get(pair, 0), -found.get(pair, 0), pair))
    return [ClassPixels(names[a], names[b], found.get((a, b), 0), true.get((a, b), 0)) for a, b in every]


def _pairs(code_2HW: np.ndarray, where_HW: np.ndarray) -> dict[tuple[int, int], int]:
    old_N, new_N = code_2HW[:, where_HW].astype(np.int64)
    count_C = np.bincount((old_N * 256 + new_N)[old_N != new_N])
    return {divmod(int(pair), 256): int(count_C[pair]) for pair in np.flatnonzero(count_C)}

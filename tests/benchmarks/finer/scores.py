"""Scores of maps of 2.5 m; those of several places add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_opening

from catalogs.simulated import WORLDCOVER
from idgbr.metrics import (
    BettiErrors,
    BoundaryF1,
    BoundaryIoU,
    Calibration,
    CentrelineDice,
    area_bias,
    confusion_matrix,
    mean_area_bias,
    mean_iou,
    wfm,
)
from idgbr.metrics.arrays import ratio

CODES = [row["code"] for row in WORLDCOVER]
THIN = [CODES.index(code) for code in (10, 50, 80)]
"""Classes with hedges and rows of trees, roads and streets, brooks."""
THIN_PX = 8
"""A thing is thin where no square of so many px (20 m) fits into it."""

COLUMNS = {
    "mIoU": 1,
    "WFm": 1,
    "BIoU 2 px": 1,
    "BF1 1 px": 1,
    "clDice, thin": 1,
    "betti0": -1,
    "betti1": -1,
    "thin recall": 1,
    "thin area bias": 0,
    "area bias": -1,
    "NLL": -1,
    "ECE": -1,
}
"""Scores and whether more is better (1), less (-1), or what is nearer to 0 (0)."""


@dataclass(frozen=True)
class Score:
    confusion: NDArray[np.int64]
    wfm: tuple[float, ...]
    boundary_iou: BoundaryIoU
    boundary_f1: BoundaryF1
    centrelines: CentrelineDice
    betti: BettiErrors
    thin: NDArray[np.int64]
    """Thin pixels of the truth found; of the truth; of the map."""
    calibration: Calibration | None

    @classmethod
    def of(
        cls, true_YX: NDArray[np.intp], pred_YX: NDArray[np.intp], probability_KYX: NDArray[np.float32] | None = None
    ) -> Score:
        """Of class indices; probability_KYX: where they are at hand."""
        true, pred = (np.array(CODES, np.uint8)[index_YX] for index_YX in (true_YX, pred_YX))
        return cls(
            confusion_matrix(true, pred, CODES),
            (wfm(true, pred),),
            BoundaryIoU.of(true, pred, CODES, 2),
            BoundaryF1.of(true, pred, CODES, 1),
            CentrelineDice.of(true, pred, [CODES[k] for k in THIN]),
            BettiErrors.of(true, pred, CODES),
            _thin(true_YX, pred_YX),
            None if probability_KYX is None else Calibration.of(true, probability_KYX, CODES),
        )

    def __add__(self, other: Score) -> Score:
        both = self.calibration is not None and other.calibration is not None
        return Score(
            self.confusion + other.confusion,
            self.wfm + other.wfm,
            self.boundary_iou + other.boundary_iou,
            self.boundary_f1 + other.boundary_f1,
            self.centrelines + other.centrelines,
            self.betti + other.betti,
            self.thin + other.thin,
            self.calibration + other.calibration if both else None,  # type: ignore[operator]
        )

    def row(self) -> dict[str, float]:
        """By COLUMNS; percent but for Betti errors and NLL, nan where there are no probabilities."""
        found, true, pred = self.thin
        values = (
            100 * mean_iou(self.confusion),
            100 * float(np.mean(self.wfm)),
            100 * self.boundary_iou.mean,
            100 * self.boundary_f1.mean,
            100 * self.centrelines.mean,
            self.betti.components,
            self.betti.holes,
            100 * ratio(found, true),
            100 * (ratio(pred, true) - 1),
            100 * mean_area_bias(self.confusion),
            self.calibration.mean_nll if self.calibration else float("nan"),
            100 * self.calibration.expected_error if self.calibration else float("nan"),
        )
        return dict(zip(COLUMNS, map(float, values), strict=True))

    def classes(self) -> dict[str, float]:
        """Area bias of each class, percent."""
        names = [row["name"] for row in WORLDCOVER]
        return dict(zip(names, (100 * area_bias(self.confusion)).tolist(), strict=True))


def better(column: str, ours: float, theirs: float) -> bool:
    sign = COLUMNS[column]
    return abs(ours) < abs(theirs) if sign == 0 else sign * ours > sign * theirs


def _thin(true_YX: NDArray[np.intp], pred_YX: NDArray[np.intp]) -> NDArray[np.int64]:
    counts = np.zeros(3, np.int64)
    for k in THIN:
        true_thin, pred_thin = (_narrow(index_YX == k) for index_YX in (true_YX, pred_YX))
        counts += [np.count_nonzero(true_thin & (pred_YX == k)), true_thin.sum(), pred_thin.sum()]
    return counts


def _narrow(mask_YX: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return mask_YX & ~binary_opening(np.pad(mask_YX, THIN_PX, mode="edge"), _SQUARE)[_INNER, _INNER]


_SQUARE, _INNER = np.ones((THIN_PX, THIN_PX), bool), slice(THIN_PX, -THIN_PX)


def below_the_pixel(
    true_YX: NDArray[np.intp], pred_YX: NDArray[np.intp], coarse_YX: NDArray[np.intp], bound_YX: NDArray[np.intp]
) -> dict[str, float]:
    """Percent. coarse_YX: the map of 10 m, bound_YX: the true majority of 10 m, both enlarged.

    below: share of the wrong pixels of the map of 10 m that are wrong although its pixel of 10 m is right.
    mended_below, mended_above: share of those, and of all others, that `pred_YX` has right. broken: pixels that only
    the map of 10 m has right, of its wrong ones.
    """
    wrong, inside = coarse_YX != true_YX, coarse_YX == bound_YX
    right = pred_YX == true_YX
    return {
        "below": _percent(wrong & inside, wrong),
        "mended_below": _percent(wrong & inside & right, wrong & inside),
        "mended_above": _percent(wrong & ~inside & right, wrong & ~inside),
        "broken": _percent(~wrong & ~right, wrong),
    }


def _percent(part_YX: NDArray[np.bool_], whole_YX: NDArray[np.bool_]) -> float:
    return 100 * float(ratio(part_YX.sum(), whole_YX.sum()))


def mean_rows(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}

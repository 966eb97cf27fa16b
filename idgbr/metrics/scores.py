"""The scores of a model's maps: None where undefined, percent but for numbers of components and holes, nats and Brier
scores. `dataclasses.asdict` makes JSON of them.

Each score of boundaries names its radius in pixels, each count the side of its tiles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

BOUNDARY_IOU_PX = 4
"""Radius of boundary IoU, for images of about 1 m and finer."""

BOUNDARY_F1_PX = (1, 3, 5)
"""Tolerances of boundary F1."""


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """Scores of one class of one kind of map; see MapScores."""

    iou: float | None
    f1: float | None
    boundary_iou_4px: float | None
    boundary_f1_1px: float | None
    boundary_f1_3px: float | None
    boundary_f1_5px: float | None
    mean_boundary_accuracy: float | None
    cldice: float | None
    connected_length_256px: float | None = None
    betti0_error_256px: float | None
    betti1_error_256px: float | None
    area_bias: float | None


@dataclass(frozen=True, kw_only=True)
class MapScores:
    """Scores of one kind of map, means over the classes; of several images, WFm is the mean over the images, all others
    come from the summed counts.

    wfm_2px: weighted F-measure of the bands of 2 px on both sides of all class edges. mean_boundary_accuracy: at five
    radii from 3 px up to (height + width) / 300 px. cldice: agreement of centre lines. connected_length_256px: how much
    of the true ones is in one piece (`ConnectedLength`). betti0_error_256px, betti1_error_256px: by how much the
    numbers of components and of holes are wrong in a tile (`BettiErrors`).
    mean_area_bias: mean of the absolute area biases; a class's own is signed, above 0 where it is mapped too large.
    ece_15bins, nll (nats), brier (0..2): of the class probabilities (`Calibration`); None where there are labels alone.
    classes: by class name.
    """

    mean_iou: float | None
    mean_f1: float | None
    overall_accuracy: float | None
    kappa: float | None
    wfm_2px: float | None
    boundary_iou_4px: float | None
    boundary_f1_1px: float | None
    boundary_f1_3px: float | None
    boundary_f1_5px: float | None
    mean_boundary_accuracy: float | None
    cldice: float | None
    connected_length_256px: float | None = None
    betti0_error_256px: float | None
    betti1_error_256px: float | None
    mean_area_bias: float | None
    ece_15bins: float | None
    nll: float | None
    brier: float | None
    classes: dict[str, ClassScores]


@dataclass(frozen=True, kw_only=True)
class RepairScores:
    """What refinement mended and what it broke.

    iou_imp: see `idgbr.metrics.iou_imp`, mean over the classes; class_iou_imp: by class name. new_fp: share of the
    coarsely right pixels that refinement made wrong. complete, partial, error: how many cases were mended so; a case is
    one class in one image.
    """

    iou_imp: float | None
    new_fp: float | None
    complete: int
    partial: int
    error: int
    class_iou_imp: dict[str, float | None]


@dataclass(frozen=True, kw_only=True)
class EvaluationScores:
    """Scores of a model's coarse and refined maps; without refiner, `refined` and `repair` are None."""

    coarse: MapScores
    refined: MapScores | None
    repair: RepairScores | None

    def maps(self) -> dict[str, MapScores]:
        """The scores by kind of map, "coarse" and, if there is one, "refined"."""
        return {"coarse": self.coarse} | ({} if self.refined is None else {"refined": self.refined})


LABELS = {
    "mean_iou": "mIoU",
    "mean_f1": "mean F1",
    "overall_accuracy": "overall accuracy",
    "kappa": "kappa",
    "wfm_2px": "WFm of edges (2 px)",
    "boundary_iou_4px": "boundary IoU (4 px)",
    "boundary_f1_1px": "boundary F1 (1 px)",
    "boundary_f1_3px": "boundary F1 (3 px)",
    "boundary_f1_5px": "boundary F1 (5 px)",
    "mean_boundary_accuracy": "mean boundary accuracy (3 px and more)",
    "cldice": "clDice of centre lines",
    "connected_length_256px": "centre lines in one piece",
    "betti0_error_256px": "components, error a tile (number)",
    "betti1_error_256px": "holes, error a tile (number)",
    "mean_area_bias": "mean area bias",
    "ece_15bins": "calibration error, ECE (15 bins)",
    "nll": "log loss, NLL (nats)",
    "brier": "Brier score (0..2)",
}
"""Label of each score of MapScores, in order."""


def number(value: float) -> float | None:
    """None for nan."""
    return None if math.isnan(value) else float(value)


def percent(share: float) -> float | None:
    """Percent of a share; None for nan."""
    return None if math.isnan(share) else 100 * float(share)

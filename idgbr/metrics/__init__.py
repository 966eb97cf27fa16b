"""Agreement of two label maps: overall, along class boundaries, in what is connected and in areas; whether class
probabilities mean what they say; and what refinement changed.

All functions take integer arrays of equal shape, the class codes to be scored, and the value in `true` to leave out.
A prediction outside `codes` counts as an error, never as "not scored". The counts of several images add up.
Shape letters: K classes, T tolerances, R radii, H rows, W columns. Distances are in pixels. Scores are shares,
1 = perfect, except in `scores`, where they are percent.
"""

from idgbr.metrics.boundary import BoundaryAccuracy, BoundaryF1, BoundaryIoU, accuracy_radii
from idgbr.metrics.calibration import Calibration
from idgbr.metrics.confusion import (
    area_bias,
    confusion_matrix,
    f1,
    iou,
    kappa,
    mean_area_bias,
    mean_f1,
    mean_iou,
    overall_accuracy,
)
from idgbr.metrics.evaluation import Calibrated, Evaluation
from idgbr.metrics.repair import Grade, grade, iou_imp, new_fp_counts, new_fp_rate, repair_counts
from idgbr.metrics.scores import ClassScores, EvaluationScores, MapScores, RepairScores
from idgbr.metrics.topology import BettiErrors, CentrelineDice, ConnectedLength, betti_numbers, skeleton
from idgbr.metrics.weighted import edge_band, weighted_f, wfm

__all__ = [
    "BettiErrors",
    "BoundaryAccuracy",
    "BoundaryF1",
    "BoundaryIoU",
    "Calibrated",
    "Calibration",
    "CentrelineDice",
    "ClassScores",
    "ConnectedLength",
    "Evaluation",
    "EvaluationScores",
    "Grade",
    "MapScores",
    "RepairScores",
    "accuracy_radii",
    "area_bias",
    "betti_numbers",
    "confusion_matrix",
    "edge_band",
    "f1",
    "grade",
    "iou",
    "iou_imp",
    "kappa",
    "mean_area_bias",
    "mean_f1",
    "mean_iou",
    "new_fp_counts",
    "new_fp_rate",
    "overall_accuracy",
    "repair_counts",
    "skeleton",
    "weighted_f",
    "wfm",
]

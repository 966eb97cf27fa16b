"""Agreement of two label maps, overall and along class boundaries, and what refinement changed of it.

All functions take integer arrays of equal shape, the class codes to be scored, and the value in `true` to leave out.
A prediction outside `codes` counts as an error, never as "not scored". The counts of several images add up.
Shape letters: K classes, T tolerances, R radii, H rows, W columns. Distances are in pixels. Scores are shares,
1 = perfect, except in `scores`, where they are percent.
"""

from idgbr.metrics.boundary import BoundaryAccuracy, BoundaryF1, BoundaryIoU, accuracy_radii
from idgbr.metrics.confusion import confusion_matrix, f1, iou, kappa, mean_f1, mean_iou, overall_accuracy
from idgbr.metrics.evaluation import Evaluation
from idgbr.metrics.repair import Grade, grade, iou_imp, new_fp_counts, new_fp_rate, repair_counts
from idgbr.metrics.scores import ClassScores, EvaluationScores, MapScores, RepairScores
from idgbr.metrics.weighted import edge_band, weighted_f, wfm

__all__ = [
    "BoundaryAccuracy",
    "BoundaryF1",
    "BoundaryIoU",
    "ClassScores",
    "Evaluation",
    "EvaluationScores",
    "Grade",
    "MapScores",
    "RepairScores",
    "accuracy_radii",
    "confusion_matrix",
    "edge_band",
    "f1",
    "grade",
    "iou",
    "iou_imp",
    "kappa",
    "mean_f1",
    "mean_iou",
    "new_fp_counts",
    "new_fp_rate",
    "overall_accuracy",
    "repair_counts",
    "weighted_f",
    "wfm",
]

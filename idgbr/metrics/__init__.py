"""Agreement of two label maps, overall and along class boundaries, and what refinement changed of it.

All functions take integer arrays of equal shape, the class codes to be scored, and the value in `true` to leave out.
A prediction outside `codes` counts as an error, never as "not scored". The counts of several images add up.
Shape letters: K classes, T tolerances, R radii, H rows, W columns. Scores are shares, 1 = perfect.
"""

from idgbr.metrics.boundary import (
    accuracy_counts,
    accuracy_radii,
    boundary_counts,
    boundary_f1,
    boundary_f1_of,
    boundary_iou,
    boundary_iou_of,
    class_boundary_accuracy,
    class_boundary_f1,
    class_boundary_iou,
    contour_counts,
    contour_counts_at,
    mean_boundary_accuracy,
    mean_boundary_accuracy_of,
)
from idgbr.metrics.confusion import confusion_matrix, f1, iou, kappa, mean_f1, mean_iou, overall_accuracy
from idgbr.metrics.repair import Grade, grade, iou_imp, new_fp_counts, new_fp_rate, repair_counts
from idgbr.metrics.weighted import edge_band, weighted_f, wfm

__all__ = [
    "Grade",
    "accuracy_counts",
    "accuracy_radii",
    "boundary_counts",
    "boundary_f1",
    "boundary_f1_of",
    "boundary_iou",
    "boundary_iou_of",
    "class_boundary_accuracy",
    "class_boundary_f1",
    "class_boundary_iou",
    "confusion_matrix",
    "contour_counts",
    "contour_counts_at",
    "edge_band",
    "f1",
    "grade",
    "iou",
    "iou_imp",
    "kappa",
    "mean_boundary_accuracy",
    "mean_boundary_accuracy_of",
    "mean_f1",
    "mean_iou",
    "new_fp_counts",
    "new_fp_rate",
    "overall_accuracy",
    "repair_counts",
    "weighted_f",
    "wfm",
]

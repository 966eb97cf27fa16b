"""How well labels agree with a reference."""

from collections.abc import Sequence

import numpy as np

from idgbr import metrics

DISTANCE = 2
TOLERANCE = 1
NAMES = {
    "miou": "mIoU",
    "oa": "overall accuracy",
    "biou": f"boundary IoU ({DISTANCE} px)",
    "bf1": f"boundary F1 ({TOLERANCE} px)",
}


def scores(pairs: Sequence[tuple[np.ndarray, np.ndarray]], codes: Sequence[int], ignore: int = 0) -> dict[str, float]:
    """Percent, over all (reference_HW, label_HW) together; pixels whose reference is `ignore` do not count.

    mIoU and overall accuracy from one confusion matrix; boundary IoU (Cheng et al. 2021) and boundary F1
    (Csurka et al. 2013), means over the classes.
    """
    codes = tuple(codes)
    confusion = np.sum([metrics.confusion_matrix(true, found, codes, ignore) for true, found in pairs], axis=0)
    bands = np.sum([metrics.boundary_counts(true, found, codes, DISTANCE, ignore) for true, found in pairs], axis=0)
    contours = np.sum([metrics.contour_counts(true, found, codes, TOLERANCE, ignore) for true, found in pairs], axis=0)
    values = {
        "miou": metrics.mean_iou(confusion),
        "oa": metrics.overall_accuracy(confusion),
        "biou": metrics.boundary_iou_of(bands),
        "bf1": metrics.boundary_f1_of(contours),
    }
    return {name: round(100 * float(value), 2) for name, value in values.items()}

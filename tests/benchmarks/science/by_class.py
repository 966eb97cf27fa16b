"""IoU of each class before and after refinement, from the maps that are kept: what a mean over the classes hides."""

from typing import Any

import numpy as np

from idgbr import metrics
from science.sets import NO_LABEL, SETS, read


def shares(place: Any, name: str) -> list[float]:
    """Percent of the scored test pixels that are truly of each class."""
    labels = [label_HW for _, label_HW in read(name, test=True, centre=place.preset.centre).values()]
    counts_K = sum(metrics.confusion_matrix(label_HW, label_HW, _codes(name), NO_LABEL).sum(1) for label_HW in labels)
    return (100 * counts_K / np.sum(counts_K)).tolist()


def ious(place: Any, name: str, backbone: str, seed: int) -> dict[str, list[float | None]]:
    """Percent, coarse and refined, all test images together; None for a class that neither map holds."""
    maps = place.home / "maps" / f"{name}-{backbone}-{seed}"
    found = {}
    for which in ("coarse", "refined"):
        confusion = sum(
            metrics.confusion_matrix(label_HW, np.load(maps / f"{stem}.npz")[which], _codes(name), NO_LABEL)
            for stem, (_, label_HW) in read(name, test=True, centre=place.preset.centre).items()
        )
        iou_K = 100 * metrics.iou(np.asarray(confusion))
        found[which] = [None if np.isnan(value) else float(value) for value in iou_K]
    return found


def _codes(name: str) -> tuple[int, ...]:
    return tuple(row["code"] for row in SETS[name].classes)

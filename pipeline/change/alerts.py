"""Which changes later views have confirmed.

Views are counted in each of the 8 x 8 parts of a block: two false changes in a block do not confirm each other unless
they lie together.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from pipeline.change.parts import parts_mask, split, spread
from pipeline.change.score import EIGHT, in_patches
from pipeline.geometry.grid import Window


@dataclass(frozen=True)
class Alerts:
    """Of the parts of a block, 8 x 8.

    count: views that showed a change since the last that showed none, uint8. day: the last clear day of the last of
    these views, days since 1970-01-01, uint16; 0 = none.
    """

    count_88: np.ndarray
    day_88: np.ndarray


def count_views(
    changed_HW: np.ndarray, day_HW: np.ndarray, pixels: int, window: Window, block: Window, before: Alerts
) -> Alerts:
    """The alerts after a view.

    changed: patches that show a change, of at least so many pixels. day: last clear observation of each pixel. A view
    counts where a patch lies on pixels seen since the view before: what it shows by older pixels was shown before.
    """
    shown_88 = split(changed_HW, window, block).any((1, 3))
    new_HW = in_patches(changed_HW & (day_HW > spread(before.day_88, window, block)), pixels)
    day_88 = split(np.where(new_HW, day_HW, 0), window, block).max((1, 3))
    count_88 = np.minimum(before.count_88.astype(int) + (day_88 > 0), 255)
    return Alerts(
        np.where(shown_88, count_88, 0).astype(np.uint8),
        np.where(shown_88, np.maximum(day_88, before.day_88), 0).astype(np.uint16),
    )


def confirmed(changed_HW: np.ndarray, alerts: Alerts, confirm: int, window: Window, block: Window) -> np.ndarray:
    """The patches that so many views have shown after the first, somewhere."""
    label_HW, _ = ndimage.label(changed_HW, EIGHT)
    sure_HW = changed_HW & spread(alerts.count_88 > confirm, window, block)
    return np.isin(label_HW, np.unique(label_HW[sure_HW]))


def without(alerts_YXP: np.ndarray, parts_YX: np.ndarray | int) -> np.ndarray:
    """Counts or days of the parts of blocks, (by, bx, 64), or of one, with 0 in those given: their map is new."""
    return np.where(parts_mask(parts_YX), alerts_YXP.dtype.type(0), alerts_YXP)

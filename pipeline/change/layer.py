"""The change layer of a cube: of each pixel the last change of the ground for which an update mapped it again.

/0   change (time, y, x) uint8: probability of the change, percent; 0 = none seen in this period
     change_day (time, y, x) uint16: days since 1970-01-01; the last clear observation of the mosaic that showed it

A pixel has a value if it lies in a patch of the region file's `min_area` whose probability reaches its `threshold`
everywhere, and if its map knew the ground before. A cube that was never updated with a change model has no layer.
"""

import numpy as np

Layer = tuple[np.ndarray, np.ndarray]
"""change uint8 HW and change_day uint16 HW."""


def seen_changes(percent_HW: np.ndarray, seen_HW: np.ndarray, day_HW: np.ndarray, before: Layer) -> Layer:
    """The layer of a block with the changes that its new mosaic shows at the pixels `seen`; elsewhere it is as before.

    day: last clear observation of the new mosaic.
    """
    new = percent_HW, day_HW
    change_HW, change_day_HW = (np.where(seen_HW, now, old) for now, old in zip(new, before, strict=True))
    return change_HW, change_day_HW

"""A change model for tests of what an update does with its answers: it sees change where it is told to."""

from dataclasses import dataclass, field

import numpy as np

from idgbr.change import ChangeOutput


@dataclass
class SeenChange:
    """windows: (window, probability) in absolute pixels."""

    bands: tuple[str, ...] = ("blue", "green", "red", "nir")
    digest: str = "seen"
    halo: int = 16
    batch_bytes: int = 2**20
    windows: list = field(default_factory=list)

    def to(self, device):
        return self

    def __call__(self, before_CHW, after_CHW, corner, part):
        probability_HW = np.where(before_CHW.any(0) & after_CHW.any(0), 0.0, np.nan).astype(np.float32)
        top, left = corner
        for window, probability in self.windows:
            rows, cols = slice(window.y0 - top, window.y1 - top), slice(window.x0 - left, window.x1 - left)
            rows = slice(max(rows.start, 0), max(rows.stop, 0))
            cols = slice(max(cols.start, 0), max(cols.stop, 0))
            probability_HW[rows, cols] = np.where(np.isnan(probability_HW[rows, cols]), np.nan, probability)
        y0, x0, y1, x1 = part
        return ChangeOutput(probability_HW[y0 - top : y1 - top, x0 - left : x1 - left])

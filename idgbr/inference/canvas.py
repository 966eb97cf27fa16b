"""From the scores of lattice windows to labels: the coarse map, changed by refinement only within the band."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idgbr.inference.band import band, margin
from idgbr.inference.blend import Blend
from idgbr.inference.tiling import Corner, Shape, WindowLattice
from idgbr.labels import probabilities
from idgbr.settings import Settings


@dataclass(frozen=True)
class LabelMap:
    """coarse_HW, refined_HW: class codes. confidence_HW: probability of the refined map's class, 0 without data.
    editable_HW: pixels that refinement was allowed to change."""

    coarse_HW: NDArray[np.uint8]
    refined_HW: NDArray[np.uint8]
    confidence_HW: NDArray[np.float32]
    editable_HW: NDArray[np.bool_]


class Canvas:
    """Blended coarse and refined scores on a rectangle of the absolute grid; windows are added row by row."""

    def __init__(self, settings: Settings, corner: Corner, shape: Shape, device: torch.device) -> None:
        self._settings = settings
        weight_HW = torch.from_numpy(WindowLattice(settings.window, settings.overlap).weights()).to(device)
        self.coarse = Blend(corner, shape, len(settings.classes), weight_HW)
        self.refined = Blend(corner, shape, len(settings.classes), weight_HW)

    def labels(self, seen_HW: NDArray[np.bool_], no_label: int) -> LabelMap:
        """seen_HW: pixels with data; all others get `no_label`, and count as another label at a boundary.

        Refined scores stand within the band of the blended coarse map, where a window was refined.
        """
        settings = self._settings
        code_K = np.array(settings.codes, np.uint8)
        coarse_KHW, refined_KHW = self.coarse.probability(), self.refined.probability()
        coarse_HW = np.where(seen_HW, code_K[coarse_KHW.argmax(0)], np.uint8(no_label))
        band_HW = band(coarse_HW, margin(coarse_KHW), settings.boundary_radius, settings.uncertainty_threshold)
        editable_HW = band_HW & seen_HW & self.refined.covered()
        return LabelMap(
            coarse_HW,
            np.where(editable_HW, code_K[refined_KHW.argmax(0)], coarse_HW),
            np.where(editable_HW, refined_KHW.max(0), coarse_KHW.max(0)) * seen_HW,
            editable_HW,
        )


def needs_refinement(logits_KHW: Tensor, settings: Settings) -> bool:
    """Whether a window's own coarse scores hold a boundary or an uncertain pixel."""
    probability_1KHW = probabilities(logits_KHW[None]).cpu().numpy()
    label_1HW, margin_1HW = probability_1KHW.argmax(1), margin(probability_1KHW)
    return bool(band(label_1HW, margin_1HW, settings.boundary_radius, settings.uncertainty_threshold).any())

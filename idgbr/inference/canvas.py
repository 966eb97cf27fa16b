"""From the scores of lattice windows to labels: the coarse map, changed by refinement only within the band."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from idgbr.inference.band import band
from idgbr.inference.blend import STRIP, Blend
from idgbr.inference.certainty import certainty
from idgbr.inference.tiling import Corner, Shape, WindowLattice
from idgbr.labels import probabilities
from idgbr.settings import Settings


@dataclass(frozen=True)
class LabelMap:
    """coarse_HW, refined_HW: class codes, uint8. confidence_HW: probability of the refined map's class, float32, 0
    without data. editable_HW: pixels that refinement was allowed to change, bool. All on the canvas's device."""

    coarse_HW: Tensor
    refined_HW: Tensor
    confidence_HW: Tensor
    editable_HW: Tensor


class Canvas:
    """Blended coarse and refined scores on a rectangle of the absolute grid; windows are added row by row."""

    def __init__(self, settings: Settings, corner: Corner, shape: Shape, device: torch.device) -> None:
        self._settings = settings
        weight_HW = torch.from_numpy(WindowLattice(settings.window, settings.overlap).weights()).to(device)
        self.coarse = Blend(corner, shape, len(settings.classes), weight_HW)
        self.refined = Blend(corner, shape, len(settings.classes), weight_HW)

    def labels(self, seen_HW: Tensor, no_label: int) -> LabelMap:
        """seen_HW: pixels with data, bool; all others get `no_label`, and count as another label at a boundary.

        Refined scores stand within the band of the blended coarse map, where a window was refined.
        """
        settings = self._settings
        coarse, refined = (
            blend.certainty(settings.codes, settings.temperature) for blend in (self.coarse, self.refined)
        )
        covered_HW = self.refined.covered()
        seen_HW = seen_HW.to(covered_HW.device)
        coarse_HW = torch.where(seen_HW, coarse.code_HW, no_label)
        band_HW = band(coarse_HW, coarse.margin_HW, settings.boundary_radius, settings.uncertainty_threshold)
        editable_HW = band_HW & seen_HW & covered_HW
        return LabelMap(
            coarse_HW,
            torch.where(editable_HW, refined.code_HW, coarse_HW),
            torch.where(editable_HW, refined.probability_HW, coarse.probability_HW) * seen_HW,
            editable_HW,
        )

    def probabilities(self, labels: LabelMap) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Some rows at a time, the KHW class probabilities of the coarse and of the refined map; 0 without data.

        labels: of this canvas.
        """
        for row in range(0, len(labels.coarse_HW), STRIP):
            rows = slice(row, row + STRIP)
            coarse_KHW, refined_KHW = (
                probabilities(blend.logits(rows)[None] / self._settings.temperature)[0]
                for blend in (self.coarse, self.refined)
            )
            refined_KHW = torch.where(labels.editable_HW[rows], refined_KHW, coarse_KHW)
            seen_HW = labels.confidence_HW[rows] > 0
            yield rows, coarse_KHW * seen_HW, refined_KHW * seen_HW


def needs_refinement(logits_BKHW: Tensor, settings: Settings) -> list[bool]:
    """Whether each window's own coarse scores hold a boundary or an uncertain pixel."""
    coarse = certainty(logits_BKHW, settings.codes)
    band_BHW = band(coarse.code_HW, coarse.margin_HW, settings.boundary_radius, settings.uncertainty_threshold)
    return band_BHW.flatten(1).any(1).tolist()

"""Refiners whose guidance lacks one of its two inputs, for the ablations."""

import torch
from torch import Tensor

from idgbr import Refiner
from idgbr.refiners.guidance import Condition


class WithoutImage(Refiner):
    def condition(self, image_BCHW: Tensor, coarse_BKHW: Tensor) -> Condition:
        return super().condition(torch.zeros_like(image_BCHW), coarse_BKHW)


class WithoutCoarse(Refiner):
    """Neither features nor prior of the coarse mask; the bridge still starts from it."""

    def condition(self, image_BCHW: Tensor, coarse_BKHW: Tensor) -> Condition:
        return super().condition(image_BCHW, torch.full_like(coarse_BKHW, 1 / coarse_BKHW.shape[1]))


KINDS = {kind.__name__: kind for kind in (Refiner, WithoutImage, WithoutCoarse)}

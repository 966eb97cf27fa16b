"""A small IDGBR refiner: a denoising U-Net on label codes, guided by the image and the coarse mask."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.blocks import Block, Down, PixelNorm, join, require_multiple
from idgbr.guidance import Condition, Fusion, Guidance
from idgbr.labels import corner_codes
from idgbr.network import Network


class Refiner(Network):
    """Predicts the clean labels as class logits from noisy label codes, their time and the condition.

    The U-Net sees the codes alone (half resolution: 2x2 pixels to channels); the guidance reaches it as residuals on
    its skips and its middle, as in arXiv 2507.01573. The output also sees the condition at full resolution.

    bands, classes: channels of image and coarse mask; widths: channels at strides 2, 4, 8 and 16; full: channels at
    full resolution; sigma: standard deviation of the bridge's noise at t = 1.
    """

    code_KD: Tensor

    @register_to_config
    def __init__(
        self,
        bands: int,
        classes: int,
        widths: Sequence[int] = (32, 64, 96, 128),
        full: int = 16,
        sigma: float = 0.5,
    ) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = widths
        embedding = 4 * half
        digits = corner_codes(classes).shape[1]
        self.register_buffer("code_KD", corner_codes(classes), persistent=False)
        self.guidance = Guidance(bands, classes, full, widths)
        self.fusions = nn.ModuleList(Fusion(width) for width in widths)
        self.time = nn.Sequential(nn.Linear(half, embedding), nn.ReLU(), nn.Linear(embedding, embedding), nn.ReLU())
        self.stem = nn.Conv2d(4 * digits, half, 3, padding=1)
        self.block2 = Block(half, half, embedding)
        self.down4 = Down(half, quarter)
        self.block4 = Block(quarter, quarter, embedding)
        self.down8 = Down(quarter, eighth)
        self.block8 = Block(eighth, eighth, embedding)
        self.down16 = Down(eighth, sixteenth)
        self.block16 = Block(sixteenth, sixteenth, embedding)
        self.up8 = Block(sixteenth + eighth, eighth, embedding)
        self.up4 = Block(eighth + quarter, quarter, embedding)
        self.up2 = Block(quarter + half, half, embedding)
        self.up1 = nn.Sequential(PixelNorm(half), nn.Conv2d(half, 4 * full, 1), nn.PixelShuffle(2))
        self.head = nn.Sequential(
            nn.Conv2d(2 * full, full, 3, padding=1), PixelNorm(full), nn.ReLU(), nn.Conv2d(full, classes, 3, padding=1)
        )

    def condition(self, image_BCHW: Tensor, coarse_BKHW: Tensor) -> Condition:
        """Condition of a normalised image and its coarse class probabilities; sides are multiples of 16."""
        require_multiple(image_BCHW, 16)
        return self.guidance(image_BCHW, coarse_BKHW)

    def forward(self, noisy_BDHW: Tensor, time_B: Tensor, condition: Condition) -> Tensor:
        """BKHW logits of the clean labels from codes at bridge time 0..1."""
        embedding = self.time(_waves(time_B, self.stem.out_channels))
        half = self.block2(self.stem(F.pixel_unshuffle(noisy_BDHW, 2)), embedding)
        quarter = self.block4(self.down4(half), embedding)
        eighth = self.block8(self.down8(quarter), embedding)
        sixteenth = self.block16(self.down16(eighth), embedding)
        half, quarter, eighth, sixteenth = (
            noisy + fusion(noisy, guide)
            for noisy, fusion, guide in zip(
                (half, quarter, eighth, sixteenth), self.fusions, condition.levels, strict=True
            )
        )
        eighth = self.up8(join(sixteenth, eighth), embedding)
        quarter = self.up4(join(eighth, quarter), embedding)
        half = self.up2(join(quarter, half), embedding)
        return condition.prior_BKHW + self.head(torch.cat([self.up1(half), condition.full_BCHW], 1))


def _waves(time_B: Tensor, size: int) -> Tensor:
    """BE sines and cosines of time at wavelengths from 1/16 to 32."""
    frequency_E = torch.logspace(math.log2(1 / 32), math.log2(16), size // 2, base=2, device=time_B.device)
    angle_BE = 2 * math.pi * time_B[:, None] * frequency_E
    return torch.cat([angle_BE.sin(), angle_BE.cos()], 1)

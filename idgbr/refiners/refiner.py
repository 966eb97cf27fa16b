"""A small IDGBR refiner: a denoising U-Net on label codes, guided by the image and the coarse mask."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self, cast

import torch
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.codecs import CODECS
from idgbr.errors import InputError
from idgbr.layers.blocks import Block, Down, PixelNorm, join, require_multiple
from idgbr.layers.linear import Linear
from idgbr.layers.network import Network
from idgbr.processes import PROCESSES
from idgbr.refiners.guidance import Condition, Fusion, Guidance

PREDICTIONS = ("labels", "epsilon", "v", "x0")


class Refiner(Network):
    """Predicts the clean labels, or the noise in them, from noisy label codes, their time and the condition.

    The U-Net sees the codes alone (at half resolution); the guidance reaches it as residuals on its skips and its
    middle, as in arXiv 2507.01573. The output also sees the condition at full resolution.

    bands, classes: channels of image and coarse mask; widths: channels at strides 2, 4, 8 and 16; full: channels at
    full resolution; process: bridge, diffusion or discrete (`idgbr.processes`); prediction: labels (class logits), or
    of a diffusion also epsilon, v, x0; sigma: standard deviation of the bridge's noise at t = 1; code: corner,
    embedding or autoencoder (`idgbr.codecs`); attention: cross-attention of the two coarsest levels to the condition;
    condition_dropout: share of the samples that its training answered without the condition; a training writes it.
    """

    multiple = 16

    @register_to_config
    def __init__(
        self,
        bands: int,
        classes: int,
        widths: Sequence[int] = (32, 64, 96, 128),
        full: int = 16,
        sigma: float = 0.0,
        process: str = "bridge",
        prediction: str = "labels",
        code: str = "corner",
        attention: bool = False,
        condition_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        for name, value, allowed in (
            ("process", process, tuple(PROCESSES)),
            ("prediction", prediction, PREDICTIONS if process == "diffusion" else PREDICTIONS[:1]),
            ("code", code, tuple(CODECS)),
        ):
            if value not in allowed:
                raise InputError(f"{name} of a {process} refiner must be one of {', '.join(allowed)}, not {value!r}")
        half, quarter, eighth, sixteenth = widths
        embedding = 4 * half
        self.codec = CODECS[code](classes)
        channels = self.codec.channels
        self.guidance = Guidance(bands, classes, full, widths)
        self.fusions = nn.ModuleList(Fusion(width, attention and place > 1) for place, width in enumerate(widths))
        self.time = nn.Sequential(Linear(half, embedding), nn.ReLU(), Linear(embedding, embedding), nn.ReLU())
        self.stem = nn.Conv2d(channels * (4 if self.codec.stride == 1 else 1), half, 3, padding=1)
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
        outputs = classes if prediction == "labels" else channels
        self.head = nn.Sequential(
            nn.Conv2d(2 * full, full, 3, padding=1), PixelNorm(full), nn.ReLU(), nn.Conv2d(full, outputs, 3, padding=1)
        )
        self.requires_grad_(True)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """As torch's own, but the label codec stays frozen."""
        super().requires_grad_(requires_grad)
        self.codec.requires_grad_(False)
        return self

    @property
    def deepest(self) -> Fusion:
        """Makes the guidance's coarsest residual, BChw; the one that a teacher may be aligned with."""
        return self._fusions[-1]

    @property
    def deepest_channels(self) -> int:
        """Channels of that residual."""
        return self.deepest.zero.out_channels

    @property
    def _fusions(self) -> list[Fusion]:
        return cast("list[Fusion]", list(self.fusions))

    def condition(self, image_BCHW: Tensor, coarse_BKHW: Tensor) -> Condition:
        """Condition of a normalised image and its coarse class probabilities; sides are multiples of 16."""
        require_multiple(image_BCHW, self.multiple)
        full_BCHW, *features = self.guidance(image_BCHW, coarse_BKHW)
        levels = tuple(fusion.condition_level(level) for fusion, level in zip(self._fusions, features, strict=True))
        prior_BKHW = coarse_BKHW.clamp_min(1e-3).log()
        return Condition(full_BCHW, levels, prior_BKHW, torch.ones(len(image_BCHW), device=image_BCHW.device))

    def drop(self, condition: Condition, dropped_B: Tensor) -> Condition:
        """The condition with that of some samples gone: no residuals, no features, no prior."""
        return condition._replace(kept_B=condition.kept_B * ~dropped_B)

    def forward(self, noisy_BDhw: Tensor, time_B: Tensor, condition: Condition) -> Tensor:
        """BKHW logits of the clean labels (prediction "labels") or BDhw from codes at time 0..1."""
        embedding = self.time(_waves(time_B, self.stem.out_channels))
        kept_B111 = condition.kept_B[:, None, None, None]
        half = self.block2(self.stem(self._halved(noisy_BDhw)), embedding)
        quarter = self.block4(self.down4(half), embedding)
        eighth = self.block8(self.down8(quarter), embedding)
        sixteenth = self.block16(self.down16(eighth), embedding)
        half, quarter, eighth, sixteenth = (
            noisy + kept_B111 * fusion(noisy, guide)
            for noisy, fusion, guide in zip(
                (half, quarter, eighth, sixteenth), self._fusions, condition.levels, strict=True
            )
        )
        eighth = self.up8(join(sixteenth, eighth), embedding)
        quarter = self.up4(join(eighth, quarter), embedding)
        half = self.up2(join(quarter, half), embedding)
        answer = self.head(torch.cat([self.up1(half), kept_B111 * condition.full_BCHW], 1))
        if self.config["prediction"] == "labels":
            return answer + kept_B111 * condition.prior_BKHW
        return F.avg_pool2d(answer, self.codec.stride)

    def _halved(self, value_BDhw: Tensor) -> Tensor:
        """Codes at half resolution: 2x2 pixels to channels, or coarser latents repeated."""
        if self.codec.stride == 1:
            return F.pixel_unshuffle(value_BDhw, 2)
        return F.interpolate(value_BDhw, scale_factor=self.codec.stride / 2, mode="nearest")


def _waves(time_B: Tensor, size: int) -> Tensor:
    """BE sines and cosines of time at wavelengths from 1/16 to 32."""
    frequency_E = torch.logspace(math.log2(1 / 32), math.log2(16), size // 2, base=2, device=time_B.device)
    angle_BE = 2 * math.pi * time_B[:, None] * frequency_E
    return torch.cat([angle_BE.sin(), angle_BE.cos()], 1)

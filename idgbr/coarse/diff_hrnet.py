"""Diff-HRNet (10.1109/LGRS.2024.3505552): features of a frozen diffusion U-Net fused into HRNetV2 at several stages.

The paper is closed and without code: this is a re-design from its abstract, with the decoder blocks and noise levels of
DDPM-CD (arXiv 2206.11892).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.coarse.diffusion_unet import DECODER_BLOCKS, DiffusionUNet
from idgbr.coarse.hrnet import HRNet
from idgbr.coarse.layers import Pointwise, conv_norm
from idgbr.coarse.network import upsample
from idgbr.errors import InputError
from idgbr.layers.blocks import require_multiple
from idgbr.processes.noise import noise

LAST_STAGE = 4


class DiffHRNet(HRNet):
    """HRNetV2 that learns how much of a diffusion U-Net's features to add to its branches at the ends of its stages.

    bands, classes, width, modules, blocks, stem, momentum: of `HRNet`; without the fusions it is that network, tensor
    by tensor, and before training it answers as that. names, inner, multipliers, schedule: of the `DiffusionUNet`,
    which is frozen, but saved along so that a model folder is whole. alpha_bars: shares of signal in the noised images
    that the U-Net sees, one pass each. stages: after which there are fusions, of 1 to 4. decoder_block: which of the
    three of each level gives the features. seed: of the noise of maps.

    mean_C, std_C: of the pipeline's normalisation, which the U-Net's own scaling replaces.
    """

    mean_C: Tensor
    std_C: Tensor

    @register_to_config
    def __init__(
        self,
        bands: int,
        classes: int,
        width: int = 18,
        modules: Sequence[int] = (1, 1, 4, 3),
        blocks: int = 4,
        stem: int = 64,
        momentum: float = 0.01,
        names: Sequence[str] = (),
        inner: int = 64,
        multipliers: Sequence[int] = (1, 2, 4, 4),
        schedule: str = "linear",
        alpha_bars: Sequence[float] = (0.994, 0.975, 0.67),
        stages: Sequence[int] = (2, 3, 4),
        decoder_block: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(
            bands=bands, classes=classes, width=width, modules=modules, blocks=blocks, stem=stem, momentum=momentum
        )
        levels, shares = sorted(set(stages)), [*alpha_bars]
        if not levels or not {*levels} <= {*range(1, LAST_STAGE + 1)} or decoder_block not in range(DECODER_BLOCKS):
            raise InputError(
                f"a DiffHRNet has stages of 1 to {LAST_STAGE} and a decoder_block of 0 to {DECODER_BLOCKS - 1}, not "
                f"{list(stages)} and {decoder_block}"
            )
        if not shares or not all(0 < share <= 1 for share in shares):
            raise InputError(f"alpha_bars are shares of signal above 0 and up to 1, not {shares}")
        widths = [width * 2**branch for branch in range(max(levels))]
        self.diffusion = DiffusionUNet(names or [str(band) for band in range(bands)], inner, multipliers, schedule)
        channels = self.diffusion.feature_channels
        self.projections = nn.ModuleList(
            Projection(inputs, len(shares), outputs, momentum)
            for inputs, outputs in zip(channels, widths, strict=False)
        )
        self.fusions = nn.ModuleDict(
            {
                str(stage): nn.ModuleList(
                    GatedFusion(outputs if stage > 1 else self.layer1_channels, outputs, momentum)
                    for outputs in widths[:stage]
                )
                for stage in levels
            }
        )
        self.register_buffer("mean_C", torch.zeros(bands))
        self.register_buffer("std_C", torch.ones(bands))
        self.requires_grad_(True)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Of all but the U-Net, which never requires gradients."""
        super().requires_grad_(requires_grad)
        self.diffusion.requires_grad_(False)
        return self

    def train(self, mode: bool = True) -> Self:
        """Sets all but the U-Net to training."""
        super().train(mode)
        self.diffusion.eval()
        return self

    def load_prior(self, prior: DiffusionUNet, mean: Sequence[float], std: Sequence[float]) -> None:
        """Takes over a trained U-Net of this network's sizes. mean, std: of the images' normalisation."""
        self.diffusion.load_state_dict(prior.state_dict())
        for buffer, values in ((self.mean_C, mean), (self.std_C, std)):
            buffer.copy_(torch.tensor(values))

    def noise(self, corners: Sequence[tuple[int, int]], height: int, width: int) -> Tensor:
        """BCHW standard normal noise of windows at absolute corners (y, x): overlapping windows share it."""
        return noise(self.config["seed"], corners, height, width, self.config["bands"], self.device)

    def forward(self, image_BCHW: Tensor, noise_BCHW: Tensor | None = None) -> Tensor:
        """BKHW logits of a normalised image whose sides are multiples of 32.

        noise_BCHW: that of `noise`; by default drawn afresh in training, else as at the corner (0, 0).
        """
        return upsample(self.strided_logits(image_BCHW, noise_BCHW), self.stride)

    def strided_logits(self, image_BCHW: Tensor, noise_BCHW: Tensor | None = None) -> Tensor:
        """BKhw logits at stride 4; see `forward`."""
        require_multiple(image_BCHW, self.multiple)
        features = self.prior_features(image_BCHW, noise_BCHW)
        priors = [project(levels) for project, levels in zip(self.projections, features, strict=False)]

        def fuse(stage: int, levels: list[Tensor]) -> list[Tensor]:
            if str(stage) not in self.fusions:
                return levels
            fusions: Any = self.fusions[str(stage)]
            return [add(level, prior) for add, level, prior in zip(fusions, levels, priors, strict=False)]

        return self.last_layer(self.concatenated(image_BCHW, fuse))

    @torch.no_grad()
    def prior_features(self, image_BCHW: Tensor, noise_BCHW: Tensor | None = None) -> list[list[Tensor]]:
        """The frozen U-Net's features BChw by branch and by noise level; one pass a level."""
        unet = self.diffusion
        if noise_BCHW is None:
            corners = [(0, 0)] * len(image_BCHW)
            noise_BCHW = torch.randn_like(image_BCHW) if self.training else self.noise(corners, *image_BCHW.shape[2:])
        clean_BCHW = unet.scaled(image_BCHW * self.std_C[:, None, None] + self.mean_C[:, None, None])
        passes = []
        for share in self.config["alpha_bars"]:
            step_B = torch.full((len(image_BCHW),), unet.step_of(share), device=image_BCHW.device)
            noisy_BCHW = unet.add_noise(clean_BCHW, noise_BCHW, step_B)
            passes.append(unet.features(noisy_BCHW, step_B, self.config["decoder_block"]))
        return [list(levels) for levels in zip(*passes, strict=True)]


class Projection(nn.Module):
    """Features of several noise levels, each with a learned weight (softmax), brought to a branch's width."""

    def __init__(self, inputs: int, levels: int, outputs: int, momentum: float) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(levels))
        self.mix = conv_norm(levels * inputs, outputs, momentum=momentum)

    def forward(self, levels: list[Tensor]) -> Tensor:
        weights = self.weights.softmax(0)
        return self.mix(torch.cat([weight * level for weight, level in zip(weights, levels, strict=True)], 1))


class GatedFusion(nn.Module):
    """A branch plus what a 1x1 convolution makes of it and of the gated prior; `strength` is 0 before training.

    The gate is one number in 0..1 an image, from the means of both (squeeze and excitation, arXiv 1709.01507).
    """

    def __init__(self, width: int, prior: int, momentum: float) -> None:
        super().__init__()
        hidden = max(1, width // 8)
        self.squeeze, self.excite = Pointwise(width + prior, hidden), Pointwise(hidden, 1)
        self.mix = conv_norm(width + prior, width, momentum=momentum)
        self.strength = nn.Parameter(torch.zeros(1))

    def forward(self, branch_BCHW: Tensor, prior_BCHW: Tensor) -> Tensor:
        means_BC11 = torch.cat([branch_BCHW, prior_BCHW], 1).mean((2, 3), keepdim=True)
        gate_B111 = self.excite(F.silu(self.squeeze(means_BC11))).sigmoid()
        return branch_BCHW + self.strength * self.mix(torch.cat([branch_BCHW, gate_B111 * prior_BCHW], 1))

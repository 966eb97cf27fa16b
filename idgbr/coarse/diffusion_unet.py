"""A U-Net that predicts the noise in images (DDPM, arXiv 2006.11239), whose decoder's features serve segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeAlias

import torch
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.coarse.layers import Pointwise
from idgbr.errors import InputError
from idgbr.layers.linear import Linear
from idgbr.layers.network import Network

PRESETS: dict[str, dict[str, Any]] = {
    "S": {"inner": 64, "multipliers": (1, 2, 4, 4)},
    "M": {"inner": 64, "multipliers": (1, 2, 4, 8, 8)},
    "L": {"inner": 128, "multipliers": (1, 2, 4, 8, 8)},
}
"""Sizes of 24, 99 and 398 million parameters; L is that of DDPM-CD (arXiv 2206.11892)."""
TRAIN_STEPS = 1000
SCHEDULES = ("linear", "squaredcos_cap_v2")
"""diffusers' names; the linear one has betas from 0.0001 to 0.02."""
STRIDES = (4, 8, 16, 32)
ATTENTION_STRIDE = 16
DECODER_BLOCKS = 3

Scheduler: TypeAlias = Any
"""diffusers' DDPMScheduler, which is imported late: that takes seconds."""


class DiffusionUNet(Network):
    """diffusers' `UNet2DModel` with the band ranges and the noise schedule that it was trained with.

    bands: names of the bands, in order. inner: channels at stride 1; multipliers: by which they grow at strides 1, 2, 4
    and so on, at least three. Two residual blocks a level, three in the decoder; single-headed attention in the middle
    and at stride 16, wherever the image's size puts it. schedule: one of SCHEDULES.

    low_C, high_C: raw numbers that become -1 and 1; fill_C: raw numbers that stand for no data.
    """

    low_C: Tensor
    high_C: Tensor
    fill_C: Tensor

    @register_to_config
    def __init__(
        self,
        bands: Sequence[str],
        inner: int = 64,
        multipliers: Sequence[int] = (1, 2, 4, 4),
        schedule: str = "linear",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(multipliers) < 3 or inner < 4 or min(multipliers) < 1 or schedule not in SCHEDULES:
            raise InputError(
                f"a diffusion U-Net has inner channels of at least 4, at least three multipliers, and a schedule of "
                f"{', '.join(SCHEDULES)}, not {inner}, {list(multipliers)} and {schedule!r}"
            )
        from diffusers.models.unets.unet_2d import UNet2DModel

        attends = [2**level == ATTENTION_STRIDE for level in range(len(multipliers))]
        self.unet = UNet2DModel(
            in_channels=len(bands),
            out_channels=len(bands),
            block_out_channels=tuple(inner * multiplier for multiplier in multipliers),
            layers_per_block=DECODER_BLOCKS - 1,
            down_block_types=tuple("AttnDownBlock2D" if each else "DownBlock2D" for each in attends),
            up_block_types=tuple("AttnUpBlock2D" if each else "UpBlock2D" for each in reversed(attends)),
            attention_head_dim=None,
            norm_num_groups=min(32, inner & -inner),
            dropout=dropout,
        )
        for name, value in (("low_C", 0.0), ("high_C", 1.0), ("fill_C", 0.0)):
            self.register_buffer(name, torch.full((len(bands),), value))
        _round_alike(self.unet)
        self.multiple = 2 ** (len(multipliers) - 1)

    @property
    def feature_channels(self) -> list[int]:
        """Of `features`, by STRIDES."""
        widths = list(self.unet.config["block_out_channels"])[2:]
        return [widths[min(level, len(widths) - 1)] for level in range(len(STRIDES))]

    @property
    def alpha_bars(self) -> Tensor:
        """Share of the variance that is still signal after each of the TRAIN_STEPS."""
        return _alpha_bars(self.config["schedule"])

    def step_of(self, alpha_bar: float) -> int:
        """The step whose share of signal is nearest: noise levels carry over between schedules, steps do not."""
        return int((self.alpha_bars - alpha_bar).abs().argmin())

    def scaled(self, raw_BCHW: Tensor, missing_B1HW: Tensor | None = None) -> Tensor:
        """Raw numbers as the U-Net takes them, in -1..1, those beyond the bands' ranges clipped."""
        low_C11, high_C11, fill_C11 = (each[:, None, None] for each in (self.low_C, self.high_C, self.fill_C))
        if missing_B1HW is not None:
            raw_BCHW = torch.where(missing_B1HW, fill_C11, raw_BCHW)
        return ((raw_BCHW - low_C11) * (2 / (high_C11 - low_C11)) - 1).clamp(-1, 1)

    def add_noise(self, clean_BCHW: Tensor, noise_BCHW: Tensor, step_B: Tensor) -> Tensor:
        """Scaled images after so many steps of the schedule."""
        kept_B111 = self.alpha_bars.to(clean_BCHW.device)[step_B][:, None, None, None]
        return kept_B111.sqrt() * clean_BCHW + (1 - kept_B111).sqrt() * noise_BCHW

    def forward(self, noisy_BCHW: Tensor, step_B: Tensor) -> Tensor:
        """The noise in scaled images after step_B steps; sides are multiples of `multiple`."""
        return self.unet(noisy_BCHW, step_B).sample

    def features(self, noisy_BCHW: Tensor, step_B: Tensor, block: int = 0) -> list[Tensor]:
        """Outputs of one of the three decoder blocks at STRIDES; what lies below the U-Net's deepest level is averaged
        from that. Levels finer than stride 4 are not decoded."""
        unet = self.unet
        time_BE = unet.time_embedding(unet.time_proj(step_B).to(noisy_BCHW.dtype))
        hidden = unet.conv_in(noisy_BCHW)
        skips = [hidden]
        for down in unet.down_blocks:
            hidden, outputs = down(hidden_states=hidden, temb=time_BE)
            skips.extend(outputs)
        hidden = unet.mid_block(hidden, time_BE)
        levels: list[Tensor] = []
        for number, up in enumerate(unet.up_blocks):
            attentions = getattr(up, "attentions", [None] * len(up.resnets))
            for place, (resnet, attention) in enumerate(zip(up.resnets, attentions, strict=True)):
                hidden = resnet(torch.cat([hidden, skips.pop()], 1), time_BE)
                hidden = hidden if attention is None else attention(hidden)
                if place == block:
                    levels.insert(0, hidden)
                    if number == len(unet.up_blocks) - 3:
                        return _pooled(levels)
            for upsampler in up.upsamplers or ():
                hidden = upsampler(hidden)
        raise AssertionError("a U-Net of three levels has features at stride 4")


class PlaneNorm(nn.GroupNorm):
    """Group norm that adds up plane by plane: in channels-last layout torch's threads share out the pixels."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return super().forward(x_BCHW.contiguous())


def new_scheduler(schedule: str) -> Scheduler:
    """The schedule as diffusers steps through it."""
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

    with torch.device("cpu"):
        return DDPMScheduler(num_train_timesteps=TRAIN_STEPS, beta_schedule=schedule)


@cache
def _alpha_bars(schedule: str) -> Tensor:
    return new_scheduler(schedule).alphas_cumprod


def _pooled(levels: list[Tensor]) -> list[Tensor]:
    """Levels from stride 4 on, continued by means of 2 x 2 px and cut to STRIDES."""
    while len(levels) < len(STRIDES):
        levels.append(F.avg_pool2d(levels[-1], 2))
    return levels[: len(STRIDES)]


def _round_alike(unet: nn.Module) -> None:
    """Gives diffusers' layers the forward passes of `idgbr.layers`, whose bits do not depend on the threads."""
    for module in unet.modules():
        if type(module) is nn.Linear:
            module.__class__ = Linear
        elif type(module) is nn.Conv2d and module.kernel_size == (1, 1):
            module.__class__ = Pointwise
        elif type(module) is nn.GroupNorm:
            module.__class__ = PlaneNorm

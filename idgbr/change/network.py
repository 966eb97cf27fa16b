"""The Semantic Change Network, and the Semantic Prior Network that it starts from, in one definition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.change.attention import SpatialConsistencyAttention
from idgbr.change.blocks import MBConv, each
from idgbr.change.fusion import Difference, TemporalFusion
from idgbr.coarse.layers import Pointwise
from idgbr.errors import InputError
from idgbr.layers.blocks import require_multiple
from idgbr.layers.network import Network

PRESETS: dict[str, dict[str, Any]] = {
    "base": {"channels": (24, 32, 48, 64, 104, 120)},
    "small": {"channels": (8, 16, 32, 40, 48, 48)},
}
"""Sizes of arXiv 2503.20734: 2.37 and 0.61 million parameters with three bands."""
LEVELS = 5


class Head(nn.Module):
    """One logit a pixel from the features of one date, or from what differs between those of two."""

    def __init__(self, channels: int, fusion: nn.Module | None) -> None:
        super().__init__()
        self.fusion = fusion
        self.logit = nn.Conv2d(channels, 1, 3, padding=1)

    def forward(self, streams: list[Tensor]) -> Tensor:
        return self.logit(streams[0] if self.fusion is None else self.fusion(*streams))


class ChangeNetwork(Network):
    """U-shaped network of inverted residual blocks for two dates that share all weights (arXiv 2503.20734).

    The streams meet in the spatial-consistency attention on every skip and on the deepest level, and before each of the
    five heads. With streams=1 it is the Semantic Prior Network: the same tensors under the same names but for the
    fusions, for segmenting single images.

    bands: of one date. channels: of the stem and the five levels. drop: probability of leaving out a residual branch
    and of dropout. shared_attention: False gives each date the attention map of its own features. learned_fusion: False
    takes differences in place of fusions. joint_norm: in training, batch norm sees both dates at once, not one after
    the other. shrink: the network sees means of shrink x shrink px (not published: a quarter of the cost for 2).
    """

    @register_to_config
    def __init__(
        self,
        bands: int,
        streams: int = 2,
        channels: Sequence[int] = PRESETS["base"]["channels"],
        drop: float = 0.2,
        shared_attention: bool = True,
        learned_fusion: bool = True,
        joint_norm: bool = False,
        shrink: int = 1,
    ) -> None:
        super().__init__()
        sizes = bands >= 1 and shrink >= 1 and len(channels) == LEVELS + 1 and min(channels) >= 4
        if not sizes or streams not in (1, 2) or not 0 <= drop < 1:
            raise InputError(
                f"a change network has at least 1 band, a shrink of at least 1, {LEVELS + 1} channels of at least 4, "
                f"1 or 2 streams and a drop in 0..1 (without 1), not {bands}, {shrink}, {list(channels)}, {streams}, "
                f"{drop}"
            )
        self.streams, self.joint_norm, self.shrink = streams, joint_norm, shrink
        self.multiple = shrink * 2 ** (LEVELS - 1)

        def fusion(width: int) -> nn.Module | None:
            if streams == 1:
                return None
            return TemporalFusion(width) if learned_fusion else Difference()

        def blocks(*widths: int) -> nn.Sequential:
            return nn.Sequential(*(MBConv(*pair, drop) for pair in pairwise(widths)))

        def attention(width: int) -> SpatialConsistencyAttention:
            return SpatialConsistencyAttention(width, drop, fusion(width) if shared_attention else None, joint_norm)

        first, up = channels[0], list(reversed(channels))
        self.stem = nn.Sequential(
            nn.Conv2d(bands, first, 3, padding=1, bias=False), nn.BatchNorm2d(first), nn.SiLU(inplace=True)
        )
        self.encoder = nn.ModuleList(blocks(inputs, outputs, outputs) for inputs, outputs in pairwise(channels))
        self.attention = nn.ModuleList(attention(width) for width in channels[1:])
        self.decoder = nn.ModuleList(blocks(inputs, inputs, outputs) for inputs, outputs in pairwise(up))
        self.heads = nn.ModuleList(Head(width, fusion(width)) for width in up[1:])
        self.fuse = Pointwise(LEVELS, 1)
        _initialise(self)

    def forward(self, *image_BCHW: Tensor) -> Tensor:
        """B1HW logit of change (of one image: of its foreground), from one normalised image a stream, whose sides are
        multiples of `multiple`."""
        return self.logits(*image_BCHW)[:, :1]

    def logits(self, *image_BCHW: Tensor) -> Tensor:
        """B6HW: the fused logit, then those of the heads from stride 16 to stride 1."""
        if len(image_BCHW) != self.streams:
            raise InputError(f"this network takes {self.streams} images, not {len(image_BCHW)}")
        for each_BCHW in image_BCHW:
            require_multiple(each_BCHW, self.multiple)
        size = image_BCHW[0].shape[2:]
        images = [image if self.shrink == 1 else F.avg_pool2d(image, self.shrink) for image in image_BCHW]
        streams, skips = each(self.stem, images, self.joint_norm), []
        for level, encode in enumerate(self.encoder):
            inputs = streams if level == 0 else [F.max_pool2d(stream, 2) for stream in streams]
            streams = each(encode, inputs, self.joint_norm)
            skips.append(streams)
        sides: list[Tensor] = []
        for level, (attend, decode, head) in enumerate(
            zip(reversed(self.attention), self.decoder, self.heads, strict=True)
        ):
            inputs = attend(skips.pop())
            if level > 0:
                inputs = [_resize(deep, skip.shape[2:]) + skip for deep, skip in zip(streams, inputs, strict=True)]
            streams = each(decode, inputs, self.joint_norm)
            sides.append(_resize(head(streams), size))
        side_B5HW = torch.cat(sides, 1)
        return torch.cat([self.fuse(side_B5HW), side_B5HW], 1)

    def load_prior(self, prior: ChangeNetwork) -> list[str]:
        """Fills this network with the weights of a single-stream one of the same sizes; the names of the modules that
        stay new. InputError if it has weights that do not fit here."""
        own, found = self.state_dict(), prior.state_dict()
        for name, value in found.items():
            if name not in own or own[name].shape != value.shape:
                raise InputError(
                    f"the prior network's {name} does not fit; train it with the bands and channels of this"
                )
        self.load_state_dict(found, strict=False)
        return sorted({name.rpartition("fusion.")[0] + "fusion" for name in own.keys() - found.keys()})


def _resize(x_BCHW: Tensor, size: torch.Size) -> Tensor:
    """Bilinear, corner pixels kept in place."""
    return F.interpolate(x_BCHW, size, mode="bilinear", align_corners=True)


def _initialise(network: nn.Module) -> None:
    """Normal weights of variance 2 / fan-out, of a grouped convolution that of one group; zero biases."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * math.prod(module.kernel_size) / module.groups
            nn.init.normal_(module.weight, 0, math.sqrt(2 / fan_out))
            if module.bias is not None:
                nn.init.zeros_(module.bias)

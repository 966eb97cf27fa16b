"""A siamese U-Net of differences: learns change in short trainings, and costs little."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.coarse.layers import Pointwise, conv_norm, initialise
from idgbr.errors import InputError
from idgbr.layers.blocks import require_multiple
from idgbr.layers.network import Network


class SiameseUNet(Network):
    """One encoder for both dates, whose features meet as absolute differences, and one decoder (FC-Siam-diff, Daudt et
    al. 2018, arXiv 1810.08462). Both orders of the dates give one answer.

    bands: of one date. widths: channels of the levels, each of half the size of the one before it. shrink: the network
    sees means of shrink x shrink px.
    """

    streams = 2

    @register_to_config
    def __init__(self, bands: int, widths: Sequence[int] = (16, 32, 64, 128), shrink: int = 2) -> None:
        super().__init__()
        if bands < 1 or shrink < 1 or len(widths) < 2 or min(widths) < 1:
            raise InputError(
                "a siamese U-Net has at least 1 band, a shrink of at least 1 and 2 widths of at least 1, not "
                f"{bands}, {shrink} and {list(widths)}"
            )
        self.shrink = shrink
        self.multiple = shrink * 2 ** (len(widths) - 1)
        up = list(reversed(widths))
        self.encoder = nn.ModuleList(_twice(*pair) for pair in pairwise((bands, *widths)))
        self.bottom = conv_norm(up[0], up[0], 3)
        self.rise = nn.ModuleList(Pointwise(*pair) for pair in pairwise(up))
        self.decoder = nn.ModuleList(_twice(2 * width, width) for width in up[1:])
        self.logit = Pointwise(widths[0], 1)
        initialise(self)

    def forward(self, before_BCHW: Tensor, after_BCHW: Tensor) -> Tensor:
        """B1HW logit of change, from two normalised images whose sides are multiples of `multiple`."""
        size = before_BCHW.shape[2:]
        for image_BCHW in (before_BCHW, after_BCHW):
            require_multiple(image_BCHW, self.multiple)
        dates = [F.avg_pool2d(image_BCHW, self.shrink) for image_BCHW in (before_BCHW, after_BCHW)]
        differences: list[Tensor] = []
        for level, encode in enumerate(self.encoder):
            dates = [encode(date if level == 0 else F.max_pool2d(date, 2)) for date in dates]
            differences.append((dates[0] - dates[1]).abs())
        x_BCHW = self.bottom(differences.pop())
        for rise, decode in zip(self.rise, self.decoder, strict=True):
            skip_BCHW = differences.pop()
            x_BCHW = decode(torch.cat([_resize(rise(x_BCHW), skip_BCHW.shape[2:]), skip_BCHW], 1))
        return _resize(self.logit(x_BCHW), size)

    def logits(self, before_BCHW: Tensor, after_BCHW: Tensor) -> Tensor:
        """B1HW: what is trained."""
        return self(before_BCHW, after_BCHW)


def _twice(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(conv_norm(inputs, outputs, 3), conv_norm(outputs, outputs, 3))


def _resize(x_BCHW: Tensor, size: torch.Size) -> Tensor:
    return F.interpolate(x_BCHW, size, mode="bilinear")

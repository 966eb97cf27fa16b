"""The convolution block of both change networks, and the drawing of its residual branches."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.coarse.layers import Pointwise

EXPANSION = 6


class DropPath(nn.Module):
    """In training, leaves out a residual branch of each sample with probability `rate` (arXiv 1603.09382)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch_BCHW: Tensor) -> Tensor:
        if not self.training or not self.rate:
            return branch_BCHW
        kept_B111 = torch.empty(len(branch_BCHW), 1, 1, 1, device=branch_BCHW.device).bernoulli_(1 - self.rate)
        return branch_BCHW * (kept_B111 / (1 - self.rate)).to(branch_BCHW.dtype)


def each(module: nn.Module, streams: list[Tensor], joint: bool) -> list[Tensor]:
    """A module of each stream BCHW: of one after the other, or, in training and if `joint`, of all as one batch, which
    is seen by its batch norms alone."""
    if joint and module.training:
        return list(module(torch.cat(streams)).chunk(len(streams)))
    return [module(stream) for stream in streams]


class SqueezeExcitation(nn.Module):
    """Scales the channels by a function of their means (arXiv 1709.01507)."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.reduce = Pointwise(channels, squeezed)
        self.expand = Pointwise(squeezed, channels)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        mean_BC11 = x_BCHW.mean((2, 3), keepdim=True)
        return x_BCHW * torch.sigmoid(self.expand(F.silu(self.reduce(mean_BC11))))


class MBConv(nn.Module):
    """Inverted residual block with squeeze and excitation (arXiv 1801.04381, 1905.11946).

    The squeezed width is a quarter of the block's inputs. It adds its input where the widths agree.
    """

    def __init__(self, inputs: int, outputs: int, drop: float) -> None:
        super().__init__()
        hidden = EXPANSION * inputs
        self.expand = Pointwise(inputs, hidden, bias=False)
        self.expand_norm = nn.BatchNorm2d(hidden, eps=1e-3)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden, bias=False)
        self.depthwise_norm = nn.BatchNorm2d(hidden, eps=1e-3)
        self.excitation = SqueezeExcitation(hidden, inputs // 4)
        self.project = Pointwise(hidden, outputs, bias=False)
        self.project_norm = nn.BatchNorm2d(outputs, eps=1e-3)
        self.drop = DropPath(drop)
        self.residual = inputs == outputs

    def forward(self, x_BCHW: Tensor) -> Tensor:
        hidden = F.silu(self.expand_norm(self.expand(x_BCHW)), inplace=not self.training)
        hidden = F.silu(self.depthwise_norm(self.depthwise(hidden)), inplace=not self.training)
        answer = self.project_norm(self.project(self.excitation(hidden)))
        return x_BCHW + self.drop(answer) if self.residual else answer

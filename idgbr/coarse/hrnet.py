"""HRNetV2 (arXiv 1908.07919): parallel branches at strides 4 to 32 that exchange what they see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.coarse.layers import BasicBlock, Bottleneck, Pointwise, bottlenecks, conv_norm, initialise
from idgbr.coarse.network import CoarseNetwork, upsample
from idgbr.layers.blocks import require_multiple

StageEnd: TypeAlias = Callable[[int, list[Tensor]], list[Tensor]]
"""Takes the number of a stage and its branches, finest first, and gives those that the next stage sees."""


class HRNet(CoarseNetwork):
    """Four stages; each after the first adds a branch of half the resolution and twice the width.

    bands, classes: channels in and out. width: channels of the branch at stride 4 (18 for W18). modules: exchange
    modules of the stages; blocks: residual blocks of each branch in a module; stem: channels of the stem and of the
    first stage's bottlenecks. momentum: of the batch norms' running statistics. The tensors have the published names.
    """

    multiple = 32
    backbone = ("conv1.", "bn1.", "conv2.", "bn2.", "layer1.", "transition", "stage")
    first = "conv1.weight"

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
    ) -> None:
        super().__init__()
        one, two, three, four = modules
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.conv1 = nn.Conv2d(bands, stem, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem, momentum=momentum)
        self.conv2 = nn.Conv2d(stem, stem, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(stem, momentum=momentum)
        self.layer1 = bottlenecks(stem, stem, one * blocks, momentum=momentum)
        out = self.layer1_channels = Bottleneck.expansion * stem
        self.transition1 = nn.ModuleList(
            [conv_norm(out, widths[0], 3, momentum=momentum), _new_branch(out, widths[1], momentum)]
        )
        self.stage2 = _stage(widths[:2], two, blocks, momentum)
        self.transition2 = _transition(widths[:3], momentum)
        self.stage3 = _stage(widths[:3], three, blocks, momentum)
        self.transition3 = _transition(widths, momentum)
        self.stage4 = _stage(widths, four, blocks, momentum)
        total = sum(widths)
        self.last_layer = nn.Sequential(
            Pointwise(total, total),
            nn.BatchNorm2d(total, momentum=momentum),
            nn.ReLU(),
            Pointwise(total, classes),
        )
        initialise(self)

    def strided_logits(self, image_BCHW: Tensor) -> Tensor:
        """BKhw logits at stride 4 from a normalised image whose sides are multiples of 32."""
        require_multiple(image_BCHW, self.multiple)
        return self.last_layer(self.concatenated(image_BCHW, lambda stage, levels: levels))

    def concatenated(self, image_BCHW: Tensor, at_end: StageEnd) -> Tensor:
        """All branches after the last stage, side by side at stride 4. at_end: see `StageEnd`."""
        half = F.relu(self.bn1(self.conv1(image_BCHW)))
        (quarter,) = at_end(1, [self.layer1(F.relu(self.bn2(self.conv2(half))))])
        levels = at_end(2, self.stage2([step(quarter) for step in self.transition1]))
        levels = at_end(3, self.stage3([*levels, self.transition2[-1](levels[-1])]))
        first, *others = at_end(4, self.stage4([*levels, self.transition3[-1](levels[-1])]))
        enlarged = [upsample(level, 2**depth) for depth, level in enumerate(others, 1)]
        return torch.cat([first, *enlarged], 1)


class Exchange(nn.Module):
    """Residual blocks in every branch, then each branch becomes the sum of all, brought to its size and width."""

    def __init__(self, widths: Sequence[int], blocks: int, momentum: float) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(width, momentum) for _ in range(blocks))) for width in widths
        )
        self.fuse_layers = nn.ModuleList(Fusion(widths, target, momentum) for target in range(len(widths)))

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        levels = [branch(level) for branch, level in zip(self.branches, levels, strict=True)]
        return [fuse(levels) for fuse in self.fuse_layers]


class Fusion(nn.ModuleList):
    """The sum of all branches in the size and width of branch `target`.

    Finer ones come by 3x3 convolutions of stride 2, coarser ones by a 1x1 convolution and bilinear upsampling.
    """

    def __init__(self, widths: Sequence[int], target: int, momentum: float) -> None:
        super().__init__()
        to = widths[target]
        for source, width in enumerate(widths):
            if source == target:
                self.append(nn.Identity())
            elif source > target:
                up = conv_norm(width, to, relu=False, momentum=momentum)
                self.append(nn.Sequential(*up, Enlarge(2 ** (source - target))))
            else:
                halved = (conv_norm(width, width, 3, stride=2, momentum=momentum) for _ in range(source + 1, target))
                last = conv_norm(width, to, 3, stride=2, relu=False, momentum=momentum)
                self.append(nn.Sequential(*halved, last))

    def forward(self, levels: list[Tensor]) -> Tensor:
        first, *others = (bring(level) for bring, level in zip(self, levels, strict=True))
        return F.relu(sum(others, first))


class Enlarge(nn.Module):
    """Bilinear upsampling by a factor."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return upsample(x_BCHW, self.factor)


def _stage(widths: Sequence[int], modules: int, blocks: int, momentum: float) -> nn.Sequential:
    return nn.Sequential(*(Exchange(widths, blocks, momentum) for _ in range(modules)))


def _transition(widths: Sequence[int], momentum: float) -> nn.ModuleList:
    """The branches so far go on as they are; the last one is made from the one before."""
    return nn.ModuleList([*(nn.Identity() for _ in widths[:-1]), _new_branch(widths[-2], widths[-1], momentum)])


def _new_branch(inputs: int, outputs: int, momentum: float) -> nn.Sequential:
    return nn.Sequential(conv_norm(inputs, outputs, 3, stride=2, momentum=momentum))

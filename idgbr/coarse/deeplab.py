"""DeepLabV3+ (arXiv 1802.02611) on a ResNet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.coarse.layers import Bottleneck, Pointwise, bottlenecks, conv_norm, initialise
from idgbr.coarse.network import CoarseNetwork, upsample
from idgbr.layers.blocks import require_multiple


class DeepLabV3Plus(CoarseNetwork):
    """ResNet of output stride 16, atrous spatial pyramid pooling, and a decoder at stride 4; batches of 2 or more in
    training, as the pooled image has one value per channel.

    bands, classes: channels in and out. blocks: bottlenecks of the four stages, (3, 4, 6, 3) for ResNet-50; width:
    channels of the stem. The last stage has dilation 2 in place of its stride, from its second block on.
    rates: dilations of the pyramid. decoder: channels of the pyramid and of the decoder; low: of the projected stage 1.
    momentum: of the batch norms' running statistics; the published 0.0003 takes tens of thousands of steps to settle.
    The ResNet's tensors have torchvision's names.
    """

    multiple = 16
    backbone = ("conv1.", "bn1.", "layer1.", "layer2.", "layer3.", "layer4.")
    first = "conv1.weight"

    @register_to_config
    def __init__(
        self,
        bands: int,
        classes: int,
        blocks: Sequence[int] = (3, 4, 6, 3),
        width: int = 64,
        rates: Sequence[int] = (6, 12, 18),
        decoder: int = 256,
        low: int = 48,
        momentum: float = 0.01,
    ) -> None:
        super().__init__()
        one, two, three, four = blocks
        out = Bottleneck.expansion * width
        self.conv1 = nn.Conv2d(bands, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width, momentum=momentum)
        self.layer1 = bottlenecks(width, width, one, momentum=momentum)
        self.layer2 = bottlenecks(out, 2 * width, two, stride=2, momentum=momentum)
        self.layer3 = bottlenecks(2 * out, 4 * width, three, stride=2, momentum=momentum)
        self.layer4 = bottlenecks(4 * out, 8 * width, four, dilations=(1, 2), momentum=momentum)
        self.pyramid = Pyramid(8 * out, decoder, rates, momentum)
        self.project_low = conv_norm(out, low, momentum=momentum)
        self.decode = nn.Sequential(
            conv_norm(decoder + low, decoder, 3, momentum=momentum), conv_norm(decoder, decoder, 3, momentum=momentum)
        )
        self.classifier = Pointwise(decoder, classes)
        initialise(self)

    def strided_logits(self, image_BCHW: Tensor) -> Tensor:
        """BKhw logits at stride 4 from a normalised image whose sides are multiples of 16."""
        require_multiple(image_BCHW, self.multiple)
        half = F.relu(self.bn1(self.conv1(image_BCHW)))
        quarter = self.layer1(F.max_pool2d(half, 3, stride=2, padding=1))
        sixteenth = self.pyramid(self.layer4(self.layer3(self.layer2(quarter))))
        return self.classifier(self.decode(torch.cat([upsample(sixteenth), self.project_low(quarter)], 1)))


class Pyramid(nn.Module):
    """Atrous spatial pyramid pooling: a 1x1 and dilated 3x3 convolutions beside the pooled image, projected to one."""

    def __init__(self, inputs: int, outputs: int, rates: Sequence[int], momentum: float) -> None:
        super().__init__()
        self.branches = nn.ModuleList([conv_norm(inputs, outputs, momentum=momentum)])
        self.branches.extend(conv_norm(inputs, outputs, 3, dilation=rate, momentum=momentum) for rate in rates)
        self.pooled = conv_norm(inputs, outputs, momentum=momentum)
        self.project = conv_norm((len(rates) + 2) * outputs, outputs, momentum=momentum)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        pooled = self.pooled(x_BCHW.mean((2, 3), keepdim=True)).expand(-1, -1, *x_BCHW.shape[2:])
        return self.project(torch.cat([*(branch(x_BCHW) for branch in self.branches), pooled], 1))

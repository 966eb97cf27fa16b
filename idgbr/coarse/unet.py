"""A compact U-Net with output stride 4."""

from __future__ import annotations

from collections.abc import Sequence

from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from idgbr.coarse.network import CoarseNetwork
from idgbr.coarse.network import upsample as upsample
from idgbr.layers.blocks import Block, Down, PixelNorm, join, require_multiple


class CoarseUNet(CoarseNetwork):
    """U-Net whose decoder stops at stride 4; the logits are upsampled bilinearly, as in SegFormer and DeepLab.

    bands: input channels; classes: output channels; widths: channels at strides 2, 4, 8 and 16.
    """

    multiple = 16

    @register_to_config
    def __init__(self, bands: int, classes: int, widths: Sequence[int] = (24, 64, 96, 128)) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = widths
        self.stem = nn.Conv2d(bands, half, 4, stride=2, padding=1)
        self.block2 = Block(half, half)
        self.down4 = Down(half, quarter)
        self.block4 = Block(quarter, quarter)
        self.down8 = Down(quarter, eighth)
        self.block8 = Block(eighth, eighth)
        self.down16 = Down(eighth, sixteenth)
        self.block16 = nn.Sequential(Block(sixteenth, sixteenth), Block(sixteenth, sixteenth))
        self.up8 = Block(sixteenth + eighth, eighth)
        self.up4 = Block(eighth + quarter, quarter)
        self.head = nn.Sequential(PixelNorm(quarter), nn.Conv2d(quarter, classes, 3, padding=1))

    def strided_logits(self, image_BCHW: Tensor) -> Tensor:
        """BKHW logits at a quarter of the image's size."""
        require_multiple(image_BCHW, self.multiple)
        half = self.block2(self.stem(image_BCHW))
        quarter = self.block4(self.down4(half))
        eighth = self.block8(self.down8(quarter))
        sixteenth = self.block16(self.down16(eighth))
        eighth = self.up8(join(sixteenth, eighth))
        return self.head(self.up4(join(eighth, quarter)))

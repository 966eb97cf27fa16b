"""SegFormer (arXiv 2105.15203): a Mix Transformer encoder and an all-MLP decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.coarse.layers import Pointwise
from idgbr.coarse.network import CoarseNetwork, upsample
from idgbr.errors import InputError
from idgbr.layers.blocks import PixelNorm, require_multiple
from idgbr.layers.linear import Linear

REDUCTIONS = (8, 4, 2, 1)
"""Stride at which keys and values are taken in the four stages."""


class SegFormer(CoarseNetwork):
    """Features at strides 4, 8, 16 and 32, brought to one width and to stride 4, and fused.

    bands, classes: channels in and out. widths, depths, heads: of the four stages, here MiT-B0's; MiT-B1's widths are
    (64, 128, 320, 512). decoder: channels of the decoder. Without the published code's dropout and stochastic depth, so
    that a training step depends on its batch alone. The tensors have the names of Hugging Face's SegFormer.
    """

    multiple = 32
    backbone = ("segformer.",)
    first = "segformer.encoder.patch_embeddings.0.proj.weight"

    @register_to_config
    def __init__(
        self,
        bands: int,
        classes: int,
        widths: Sequence[int] = (32, 64, 160, 256),
        depths: Sequence[int] = (2, 2, 2, 2),
        heads: Sequence[int] = (1, 2, 5, 8),
        decoder: int = 256,
    ) -> None:
        super().__init__()
        for width, count in zip(widths, heads, strict=True):
            if width % count:
                raise InputError(f"a stage's width must be a multiple of its heads, not {width} with {count} heads")
        self.segformer = Named("encoder", MixTransformer(bands, widths, depths, heads))
        self.decode_head = Decoder(widths, decoder, classes)
        self.apply(_initialise)

    def strided_logits(self, image_BCHW: Tensor) -> Tensor:
        """BKhw logits at stride 4 from a normalised image whose sides are multiples of 32."""
        require_multiple(image_BCHW, self.multiple)
        return self.decode_head(self.segformer(image_BCHW))


class MixTransformer(nn.Module):
    """Image to features BCHW at strides 4, 8, 16 and 32."""

    def __init__(self, bands: int, widths: Sequence[int], depths: Sequence[int], heads: Sequence[int]) -> None:
        super().__init__()
        inputs = (bands, *widths[:-1])
        self.patch_embeddings = nn.ModuleList(
            PatchEmbedding(inputs[stage], width, 7 if stage == 0 else 3, 4 if stage == 0 else 2)
            for stage, width in enumerate(widths)
        )
        self.block = nn.ModuleList(
            nn.Sequential(*(MixBlock(width, count, reduction) for _ in range(depth)))
            for width, count, reduction, depth in zip(widths, heads, REDUCTIONS, depths, strict=True)
        )
        self.layer_norm = nn.ModuleList(PixelNorm(width) for width in widths)

    def forward(self, x_BCHW: Tensor) -> list[Tensor]:
        levels = []
        for embed, blocks, norm in zip(self.patch_embeddings, self.block, self.layer_norm, strict=True):
            x_BCHW = norm(blocks(embed(x_BCHW)))
            levels.append(x_BCHW)
        return levels


class PatchEmbedding(nn.Module):
    """A strided convolution whose patches overlap."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2)
        self.layer_norm = PixelNorm(outputs)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.layer_norm(self.proj(x_BCHW))


class MixBlock(nn.Module):
    """Efficient self-attention, then the Mix-FFN, each on the normalised input and added to it."""

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.layer_norm_1 = PixelNorm(width)
        self.attention = Attention(width, heads, reduction)
        self.layer_norm_2 = PixelNorm(width)
        self.mlp = MixFFN(width)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BCHW = x_BCHW + self.attention(self.layer_norm_1(x_BCHW))
        return x_BCHW + self.mlp(self.layer_norm_2(x_BCHW))


class Attention(nn.ModuleDict):
    """Self-attention of all pixels to keys and values at a coarser stride."""

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__({"self": Projections(width, reduction), "output": Named("dense", Linear(width, width))})
        self.heads = heads

    def forward(self, x_BCHW: Tensor) -> Tensor:
        query, key, value = (part.unflatten(-1, (self.heads, -1)).movedim(-2, 1) for part in self["self"](x_BCHW))
        mixed_BNC = F.scaled_dot_product_attention(query, key, value).movedim(1, -2).flatten(-2)
        return _pixels(self["output"](mixed_BNC), x_BCHW)


class Projections(nn.Module):
    """Queries of all pixels, keys and values of pixels `reduction` apart, all BNC."""

    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        self.query = Linear(width, width)
        self.key = Linear(width, width)
        self.value = Linear(width, width)
        if reduction > 1:
            self.sr = nn.Conv2d(width, width, reduction, stride=reduction)
            self.layer_norm = PixelNorm(width)
        self.reduction = reduction

    def forward(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        few_BCHW = self.layer_norm(self.sr(x_BCHW)) if self.reduction > 1 else x_BCHW
        few_BNC = _tokens(few_BCHW)
        return self.query(_tokens(x_BCHW)), self.key(few_BNC), self.value(few_BNC)


class MixFFN(nn.Module):
    """An MLP of four times the width with a depthwise 3x3 convolution inside, which stands for position codes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = 4 * width
        self.dense1 = Linear(width, hidden)
        self.dwconv = Named("dwconv", nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden))
        self.dense2 = Linear(hidden, width)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        hidden_BCHW = _pixels(self.dense1(_tokens(x_BCHW)), x_BCHW)
        hidden_BCHW = F.gelu(self.dwconv(hidden_BCHW))
        return _pixels(self.dense2(_tokens(hidden_BCHW)), x_BCHW)


class Decoder(nn.Module):
    """Every level to one width and to stride 4, the coarsest first; fused, normalised and classified."""

    def __init__(self, widths: Sequence[int], width: int, classes: int) -> None:
        super().__init__()
        self.linear_c = nn.ModuleList(Named("proj", Linear(inputs, width)) for inputs in widths)
        self.linear_fuse = Pointwise(len(widths) * width, width, bias=False)
        self.batch_norm = nn.BatchNorm2d(width)
        self.classifier = Pointwise(width, classes)

    def forward(self, levels: list[Tensor]) -> Tensor:
        same = [_pixels(linear(_tokens(level)), level) for linear, level in zip(self.linear_c, levels, strict=True)]
        same[1:] = [upsample(level, 2**depth) for depth, level in enumerate(same[1:], 1)]
        return self.classifier(F.relu(self.batch_norm(self.linear_fuse(torch.cat(same[::-1], 1)))))


class Named(nn.Module):
    """A module under one more name."""

    def __init__(self, name: str, module: nn.Module) -> None:
        super().__init__()
        self.add_module(name, module)

    def forward(self, x: Tensor) -> Any:
        return next(self.children())(x)


def _tokens(x_BCHW: Tensor) -> Tensor:
    """BNC, one token per pixel."""
    return x_BCHW.movedim(1, -1).flatten(1, 2)


def _pixels(x_BNC: Tensor, like_BCHW: Tensor) -> Tensor:
    """BCHW of tokens, with the height and width of `like_BCHW`."""
    return x_BNC.unflatten(1, like_BCHW.shape[2:]).movedim(-1, 1)


def _initialise(module: nn.Module) -> None:
    """As published: linear layers normal with deviation 0.02, convolutions normal with variance 2 / fan-out."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
    elif isinstance(module, nn.Conv2d):
        fan_out = module.weight[0, 0].numel() * module.out_channels // module.groups
        nn.init.normal_(module.weight, std=(2 / fan_out) ** 0.5)
    if isinstance(module, nn.Linear | nn.Conv2d) and module.bias is not None:
        nn.init.zeros_(module.bias)

"""Batch norms whose statistics stand still, folded into the convolutions before them."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from idgbr.change.blocks import MBConv

Folded = TypeVar("Folded", bound=nn.Module)


def folded(network: Folded) -> Folded:
    """A copy for inference that passes over its largest arrays less often; answers differ in the last bits."""
    copied = copy.deepcopy(network).eval().requires_grad_(False)
    for block in copied.modules():
        if isinstance(block, MBConv):
            for name in ("expand", "depthwise", "project"):
                _fold(block, name, f"{name}_norm")
        elif isinstance(block, nn.Sequential):
            for (name, layer), (norm_name, norm) in pairwise(list(block.named_children())):
                if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    _fold(block, name, norm_name)
    return copied


def _fold(parent: nn.Module, convolution_name: str, norm_name: str) -> None:
    convolution, norm = parent.get_submodule(convolution_name), parent.get_submodule(norm_name)
    assert isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None and norm.running_var is not None
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    setattr(parent, norm_name, nn.Identity())

"""diffusers' U-Net taken in two halves, so that one pass of its encoder serves guidance and decoder.

Works with what Stable Diffusion 1.x and 2.x use of `UNet2DConditionModel`: time and text, no further conditions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn

UNET: Mapping[str, Any] = {"sample_size": 64, "cross_attention_dim": 768}
"""Config of Stable Diffusion 1.5's U-Net, where it is not the library's default."""
VAE: Mapping[str, Any] = {
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
    "sample_size": 512,
}
"""Config of its autoencoder."""


class Encoded(NamedTuple):
    """What the encoder hands to the decoder: 12 skips and the middle in Stable Diffusion 1.5, and the time."""

    levels: tuple[Tensor, ...]
    """Skips from fine to coarse, then the middle."""
    time_BE: Tensor


def encode(unet: UNet2DConditionModel, sample_BDhw: Tensor, step_B: Tensor, text_BLE: Tensor) -> Encoded:
    """First half. step_B: the schedule's integer steps."""
    time_BE = unet.time_embedding(unet.get_time_embed(sample_BDhw, step_B))
    hidden = unet.conv_in(sample_BDhw)
    levels = [hidden]
    for block in unet.down_blocks:
        text = {"encoder_hidden_states": text_BLE} if _reads_text(block) else {}
        hidden, skips = block(hidden_states=hidden, temb=time_BE, **text)
        levels.extend(skips)
    levels.append(unet.mid_block(hidden, time_BE, encoder_hidden_states=text_BLE))
    return Encoded(tuple(levels), time_BE)


def decode(
    unet: UNet2DConditionModel, encoded: Encoded, text_BLE: Tensor, residuals: Sequence[Tensor] | None = None
) -> Tensor:
    """Second half. residuals: added to each of the encoder's levels, as a ControlNet's are (arXiv 2302.05543)."""
    levels = list(encoded.levels)
    if residuals is not None:
        levels = [level + residual for level, residual in zip(levels, residuals, strict=True)]
    hidden = levels.pop()
    for block in unet.up_blocks:
        text = {"encoder_hidden_states": text_BLE} if _reads_text(block) else {}
        resnets: Any = block.resnets
        count = len(resnets)
        skips = tuple(levels[-count:])
        del levels[-count:]
        hidden = block(hidden_states=hidden, temb=encoded.time_BE, res_hidden_states_tuple=skips, **text)
    return unet.conv_out(unet.conv_act(unet.conv_norm_out(hidden)))


def remove_decoder(unet: UNet2DConditionModel) -> None:
    """Leaves what `encode` needs."""
    unet.up_blocks = nn.ModuleList()
    del unet.conv_norm_out, unet.conv_act, unet.conv_out


def levels_of(unet: UNet2DConditionModel) -> Iterator[tuple[int, int]]:
    """Channels and side of each level of `encode`, at the size the U-Net was made for."""
    channels, side = unet.config["block_out_channels"], unet.config["sample_size"]
    yield channels[0], side
    for number, width in enumerate(channels):
        yield from [(width, side)] * unet.config["layers_per_block"]
        if number + 1 < len(channels):
            side //= 2
            yield width, side
    yield channels[-1], side


def _reads_text(block: nn.Module) -> bool:
    return bool(getattr(block, "has_cross_attention", False))

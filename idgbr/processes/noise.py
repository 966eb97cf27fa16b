"""Gaussian noise as a pure function of position, so windows that overlap share their noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from idgbr.errors import InputError


def noise(
    seed: int,
    corners: Sequence[tuple[int, int]],
    height: int,
    width: int,
    channels: int,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Standard normal BCHW, float32, for windows whose top left pixels are (y, x) in absolute coordinates (may be
    negative).

    Each value depends on (seed, its absolute y, its absolute x, channel) alone: a splitmix64 hash of these gives two
    channels their two numbers of 24 bits, turned normal by Box-Muller, so none is farther than 5.9 from 0.
    """
    top_B, left_B = torch.tensor(corners, dtype=torch.int64, device=device).reshape(-1, 2).unbind(1)
    row_BH = top_B[:, None] + torch.arange(height, device=device)
    col_BW = left_B[:, None] + torch.arange(width, device=device)
    key = _splitmix64(torch.tensor(_signed(seed), device=device))
    row_BH = _splitmix64(key + row_BH * _GOLDEN)
    pixel_BHW = _splitmix64(row_BH[:, :, None] + (col_BW * _GOLDEN)[:, None, :])
    pairs = -(-channels // 2)
    out_BCHW = torch.empty(len(top_B), 2 * pairs, height, width, device=device)
    for pair in range(pairs):
        bits_BHW = _splitmix64(pixel_BHW + _signed((2 * pair + 1) * _GOLDEN))
        radius_BHW = (_uniform(bits_BHW >> 40).log_() * -2).sqrt_()
        angle_BHW = _uniform(bits_BHW >> 8) * (2 * math.pi)
        torch.mul(radius_BHW, angle_BHW.cos(), out=out_BCHW[:, 2 * pair])
        torch.mul(radius_BHW, angle_BHW.sin(), out=out_BCHW[:, 2 * pair + 1])
    return out_BCHW[:, :channels]


def seed_of(generator: torch.Generator) -> int:
    """The seed that a generator was made with; what was drawn from it since changes nothing. InputError for another
    thing, such as a list of generators: a place has one noise, whatever image it is in."""
    if not isinstance(generator, torch.Generator):
        raise InputError(
            f"generator must be one torch.Generator for all images, not a {type(generator).__name__}; give seed, a "
            "whole number, in its place"
        )
    return generator.initial_seed()


def _signed(value: int) -> int:
    """A 64-bit pattern as a signed integer."""
    return (value + 2**63) % 2**64 - 2**63


_GOLDEN = _signed(0x9E3779B97F4A7C15)
_MIX = _signed(0xBF58476D1CE4E5B9), _signed(0x94D049BB133111EB)


def _uniform(bits: Tensor) -> Tensor:
    """float32 above 0 and up to 1 from the lowest 24 bits."""
    return (bits & 0xFFFFFF).float().add_(0.5).mul_(2.0**-24)


def _splitmix64(state: Tensor) -> Tensor:
    """The output function of splitmix64 (Steele, Lea and Flood 2014), a bijection of 64-bit integers, here signed."""
    mixed = state + _GOLDEN
    for bits, factor in ((30, _MIX[0]), (27, _MIX[1])):
        mixed.bitwise_xor_(_shifted(mixed, bits)).mul_(factor)
    return mixed.bitwise_xor_(_shifted(mixed, 31))


def _shifted(value: Tensor, bits: int) -> Tensor:
    """Shifted right with zeros coming in, which torch's int64 does not."""
    return (value >> bits).bitwise_and_(2 ** (64 - bits) - 1)

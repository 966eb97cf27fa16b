"""A map at a glance: the coarse level of a version that fits a picture, as SVG with a scale bar."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import zarr

from pipeline.console.html import data_uri
from pipeline.cube.schema import Layout
from pipeline.cube.store import array

SIDE = 1024
"""Maximum number of pixels along a side of a picture; a cube of any size has a level that fits."""
RAMP = ((0, "#440154"), (25, "#3b528b"), (50, "#21918c"), (75, "#5ec962"), (100, "#fde725"))
"""Percent and colour; stops of the palette viridis."""
CHANGED, UNCHANGED = "#d6006c", "#b9bcc0"


@dataclass(frozen=True)
class Overview:
    """One array of a version at one level, cut to the region. metres: size of a pixel."""

    value_HW: np.ndarray
    level: int
    metres: float


def overview(group: zarr.Group, time: int, name: str = "landcover", side: int = SIDE) -> Overview:
    """landcover or confidence at the finest level of at most `side` pixels a side, or the coarsest that there is."""
    layout = Layout.of(group)
    window = layout.extent.window
    level = 0
    while level < layout.levels and max(window.shape) >> level > side:
        level += 1
    rows, cols = (slice(s.start >> level, -(-s.stop >> level)) for s in window.slices(layout.extent.origin))
    value_HW = np.asarray(array(group, name, level)[time, rows, cols])
    return Overview(value_HW, level, layout.extent.grid.resolution * 2**level)


def class_palette(classes: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """The colour of each class code; any other value is transparent."""
    return {row["code"]: row["color"] for row in classes}


def percent_palette() -> dict[int, str]:
    """The colours of 1 to 100 percent; 0 is no data."""
    stops = [percent for percent, _ in RAMP]
    rgb_3C = np.array([_rgb(colour) for _, colour in RAMP]).T
    mixed_3N = [np.interp(range(101), stops, channel_C).round().astype(int) for channel_C in rgb_3C]
    return {percent: "#{:02x}{:02x}{:02x}".format(*(c[percent] for c in mixed_3N)) for percent in range(1, 101)}


def changes(before: Overview, after: Overview) -> np.ndarray:
    """uint8 HW: 2 where the values differ, 1 where they are the same, 0 where neither has any."""
    differs_HW = before.value_HW != after.value_HW
    seen_HW = (before.value_HW > 0) | (after.value_HW > 0)
    return np.where(differs_HW, 2, seen_HW).astype(np.uint8)


CHANGE_PALETTE = {1: UNCHANGED, 2: CHANGED}


def map_svg(value_HW: np.ndarray, palette: Mapping[int, str], metres: float, title: str) -> str:
    """A map as an SVG image with a scale bar; values that `palette` lacks are transparent. metres: size of a pixel."""
    height, width = value_HW.shape
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
        f'<image width="{width}" height="{height}" style="image-rendering:pixelated" '
        f'href="{data_uri(palette_png(value_HW, palette))}"/>{scale_bar(width, height, metres)}</svg>'
    )


def scale_bar(width: float, height: float, metres: float) -> str:
    """A scale bar of a round length, at most a quarter of the width, for an SVG whose unit is `metres`."""
    length = round_length(width * metres / 4)
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    long, thick = length / metres, width / 90
    left, bottom = width * 0.03, height - width * 0.03
    bar = f"M{left:.4g} {bottom - thick:.6g}v{thick:.4g}h{long:.6g}v-{thick:.4g}"
    return (
        f'<g fill="none"><path d="{bar}" stroke="#fff" stroke-width="{width / 110:.4g}"/>'
        f'<path d="{bar}" stroke="#000" stroke-width="{width / 250:.4g}"/></g>'
        f'<text x="{left + long / 2:.6g}" y="{bottom - thick * 1.4:.6g}" font-size="{width / 26:.4g}" '
        'text-anchor="middle" font-family="system-ui,sans-serif" fill="#000" stroke="#fff" '
        f'stroke-width="{width / 130:.4g}" paint-order="stroke">{text}</text>'
    )


def round_length(most: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that is at most `most`."""
    step = 10 ** np.floor(np.log10(most))
    return float(next(m * step for m in (5, 2, 1) if m * step <= most))


def palette_png(value_HW: np.ndarray, palette: Mapping[int, str]) -> bytes:
    """A PNG of 256 colours (W3C Portable Network Graphics, colour type 3); values without a colour are transparent."""
    colours, alphas = bytearray(768), bytearray(256)
    for value, colour in palette.items():
        colours[value * 3 : value * 3 + 3] = bytes(_rgb(colour))
        alphas[value] = 255
    height, width = value_HW.shape
    lines = np.zeros((height, width + 1), np.uint8)
    lines[:, 1:] = value_HW
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(colours)),
        (b"tRNS", bytes(alphas)),
        (b"IDAT", zlib.compress(lines.tobytes())),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))

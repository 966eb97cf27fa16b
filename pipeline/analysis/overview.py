"""A map at a glance: the coarse level of a version that fits a picture, as SVG with a scale bar."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import numpy as np
import zarr

from pipeline.analysis.colours import rgba_table
from pipeline.analysis.png import indexed_png
from pipeline.console.html import data_uri
from pipeline.cube.schema import Layout
from pipeline.cube.store import array

SIDE = 1024
"""Maximum number of pixels along a side of a picture; a cube of any size has a level that fits."""
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
        f'href="{data_uri(indexed_png(value_HW, rgba_table(palette)))}"/>{scale_bar(width, height, metres)}</svg>'
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

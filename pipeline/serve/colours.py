"""Colours of layers: of classes, also for the colour-blind, of values, and of mosaics."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from catalogs.items.provider import Unit
from pipeline.analysis.colours import brightness, class_palette, percent_palette, rgba_table
from pipeline.errors import UserError

SAFE = (
    "#882e72", "#1965b0", "#7bafde", "#4eb265", "#cae0ab", "#f7f056", "#ee8026", "#dc050c", "#72190e",
    "#d9cce3", "#5289c7", "#90c987", "#f6c141", "#a5170e", "#ba8db4", "#f1932d", "#aa6f9e", "#e8601c",
    "#994f88", "#42150a", "#777777",
)  # fmt: skip
"""Discrete rainbow of Paul Tol, Colour Schemes (technical note SRON/EPS/TN/09-002, issue 3.2), with grey."""
CONFIRMED, CHANGED = "#3c00ff", "#ff00ff"


def class_colours(classes: Sequence[dict[str, Any]], palette: str | None) -> dict[int, str]:
    """The colour of each class by its code. Raises UserError for a palette that is not there or too short."""
    if palette not in (None, "safe"):
        raise UserError(f"palette is {palette!r:.40}; give safe, or leave it out for the map's own colours")
    if palette is None:
        return class_palette(classes)
    if len(classes) > len(SAFE):
        raise UserError(f"palette safe has {len(SAFE)} colours and the map {len(classes)} classes; leave it out")
    return {row["code"]: colour for row, colour in zip(classes, SAFE, strict=False)}


def class_table(colour_of: dict[int, str], hidden: Collection[int] = ()) -> np.ndarray:
    """`rgba_table` of classes that are not hidden."""
    return rgba_table({code: colour for code, colour in colour_of.items() if code not in hidden})


@lru_cache(maxsize=1)
def confidence_table() -> np.ndarray:
    """RGBA of 0 to 100 %, 0 transparent as no data."""
    return rgba_table(percent_palette())


def refined_table() -> np.ndarray:
    return rgba_table({1: CONFIRMED, 2: CHANGED})


@lru_cache(maxsize=8)
def brightness_table(unit: Unit, stretch: tuple[float, float]) -> np.ndarray:
    """Brightness of each number of a mosaic, uint8 (65536,)."""
    return np.rint(brightness(np.arange(65536), unit, stretch) * 255).astype(np.uint8)

"""Colours of classes, of percents and of reflectance."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from catalogs.items.provider import REFLECTANCE, Unit

RAMP = ((0, "#440154"), (25, "#3b528b"), (50, "#21918c"), (75, "#5ec962"), (100, "#fde725"))
"""Percent and colour; stops of the palette viridis."""
BRIGHTEST = 0.22
"""Reflectance shown as full brightness."""
GAMMA = 0.8
"""Of reflectance; grey values of photographs are shown as they are."""
GREY_VALUE = "grey value"
"""Name of the unit of photographs of 8 bits."""
SHOWN = {REFLECTANCE.name: (0.0, BRIGHTEST), GREY_VALUE: (0.0, 255.0)}
"""Values of a unit that are shown as black and as full brightness in every map."""
PERCENTILES = 2, 98
"""Of the numbers of a mosaic in another unit: those shown as black and as full brightness."""


def rgb(colour: str) -> tuple[int, int, int]:
    """Of #rrggbb."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


def class_palette(classes: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """The colour of each class code; any other value is transparent."""
    return {row["code"]: row["color"] for row in classes}


def percent_palette() -> dict[int, str]:
    """The colours of 1 to 100 percent; 0 is no data."""
    stops = [percent for percent, _ in RAMP]
    rgb_3C = np.array([rgb(colour) for _, colour in RAMP]).T
    mixed_3N = [np.interp(range(101), stops, channel_C).round().astype(int) for channel_C in rgb_3C]
    return {percent: "#{:02x}{:02x}{:02x}".format(*(c[percent] for c in mixed_3N)) for percent in range(1, 101)}


def rgba_table(palette: Mapping[int, str]) -> np.ndarray:
    """RGBA of each of 256 values, uint8 (256, 4); values without a colour are transparent."""
    table = np.zeros((256, 4), np.uint8)
    for value, colour in palette.items():
        table[value] = (*rgb(colour), 255)
    return table


def shown_range(unit: Unit, stored: np.ndarray) -> tuple[float, float]:
    """The values shown as black and as full brightness.

    stored: numbers of a mosaic, 0 where there is no data, which say it for a unit that is neither reflectance nor grey
    values of 8 bits.
    """
    if unit.name in SHOWN:
        return SHOWN[unit.name]
    seen = stored[stored > 0]
    low, high = np.percentile(seen, PERCENTILES) if seen.size else (1, 1)
    flat = max(1 - (high - low), 0) / 2
    return unit.offset + float(low - flat) * unit.scale, unit.offset + float(high + flat) * unit.scale


def brightness(stored: np.ndarray, unit: Unit = REFLECTANCE, stretch: tuple[float, float] | None = None) -> np.ndarray:
    """The numbers of a mosaic as brightness, float32 in 0 .. 1. stretch: values in the unit that are shown as black and
    as full brightness; None: `shown_range` of the numbers."""
    darkest, brightest = stretch or shown_range(unit, stored)
    value = (stored.astype(np.float32) / unit.steps + unit.offset - darkest) / (brightest - darkest)
    gamma = GAMMA if unit.name == REFLECTANCE.name else 1.0
    return np.asarray(value.clip(0, 1) ** np.float32(gamma))

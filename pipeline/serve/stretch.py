"""The values of a map's mosaic that its tiles show as black and as full brightness."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from itertools import product

import numpy as np

from pipeline.analysis.colours import SHOWN, shown_range
from pipeline.cube.damage import DamagedChunk
from pipeline.cube.store import array
from pipeline.serve.chunks import Chunks
from pipeline.serve.maps import Map

LOOKED = 4
"""Chunks along each side of a map that are looked at, at most."""
STEP = 8
"""Of their rows and columns one in so many."""


def map_range(chunks: Chunks, shown: Map, period: date, bands: Sequence[int]) -> tuple[float, float]:
    """`shown_range` of bands of a period, one for all tiles: by chunks spread evenly over the map, but for damaged
    ones."""
    unit = shown.layout.unit
    if unit.name in SHOWN:
        return SHOWN[unit.name]
    key = period, tuple(bands)
    if key not in shown.ranges:
        shown.ranges[key] = shown_range(unit, _sample(chunks, shown, period, bands))
    return shown.ranges[key]


def _sample(chunks: Chunks, shown: Map, period: date, bands: Sequence[int]) -> np.ndarray:
    source = array(shown.group, "mosaic")
    starts = [
        sorted({(2 * at + 1) * size // (2 * LOOKED) // chunk * chunk for at in range(LOOKED)})
        for size, chunk in zip(source.shape[-2:], source.chunks[-2:], strict=True)
    ]
    parts = [np.zeros(1, source.dtype)]
    for y, x in product(*starts):
        with suppress(DamagedChunk):
            part_BHW, _ = chunks.read(shown.version, source, shown.times[period], (y, y + 1), (x, x + 1), bands)
            parts.append(part_BHW[:, ::STEP, ::STEP].ravel())
    return np.concatenate(parts)

"""`idgbr detect-change`: the probability of change between two dates, block by block, as one file."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from idgbr.change import ChangePipeline
from pipeline.change.dates import TwoDates
from pipeline.change.probability_file import write_probability
from pipeline.export.block_parts import blocks, part_of, write_part
from pipeline.export.target import PARTS, Progress, resumable
from pipeline.geometry.grid import Window

BLOCK = 1024
"""Px a side of what is in memory at a time, beside the model's halo."""


@dataclass(frozen=True)
class Detected:
    """What was written. pixels: with data in both dates; changed: those above the threshold; no_data: the others.
    seconds: of the model. model: its digest."""

    out: Path
    pixels: int
    changed: int
    no_data: int
    threshold: float
    model: str
    seconds: float


def detect(model: ChangePipeline, dates: TwoDates, out: Path, progress: Progress | None = None) -> Detected:
    """Writes the probability of change, float32 and NaN without data, as a COG (.tif) or as Zarr (.zarr).

    The file appears when it is whole. After an interruption the same call goes on, block by block. Raises what
    `resumable` raises.
    """
    request = {"kind": "change", "model": model.digest, **dates.identity}
    squares, seconds = list(blocks(dates.window, BLOCK)), 0.0
    with resumable(out, dates.cube, request, (".tif", ".tiff", ".zarr")) as scratch:
        for done, block in enumerate(squares, start=1):
            begun = time.perf_counter()
            write_part(scratch, block, lambda block: probability(model, dates, block))
            seconds += time.perf_counter() - begun
            if progress is not None:
                progress(done, len(squares), "blocks")
        parts = [(block, part_of(scratch, block)) for block in squares]
        pixels = changed = 0
        for _, file in parts:
            known_N = (part_HW := np.load(file))[~np.isnan(part_HW)]
            pixels += known_N.size
            changed += int((known_N > model.settings.threshold).sum())
        tags = {"MODEL": model.digest, **dict(zip(("BEFORE", "AFTER"), dates.names, strict=True))}
        write_probability(scratch / out.name, scratch / PARTS, dates, parts, tags, BLOCK)
    rows, cols = dates.window.shape
    no_data = rows * cols - pixels
    return Detected(out, pixels, changed, no_data, model.settings.threshold, model.digest, round(seconds, 3))


def probability(model: ChangePipeline, dates: TwoDates, window: Window) -> np.ndarray:
    """Of a window of the ground, float32 HW, the same as within any other window around it."""
    around = window.pad(model.halo) & dates.window
    before_BHW, after_BHW = dates.read(around)
    part = window.y0, window.x0, window.y1, window.x1
    return model(before_BHW, after_BHW, (around.y0, around.x0), part).probability_HW

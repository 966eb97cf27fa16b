"""Windows that one changed block costs: its neighbours mapped whole, only what sees it, or only what sees the parts in
which a hectare of it has changed; each as one worker computes them, which keeps the last ones.

    python tests/benchmarks/strips.py --model simulated-s2

Means over 200 places of the block on the absolute lattice of windows, and of the hectare in the block.
"""

import argparse
from concurrent.futures import Future
from itertools import chain

import numpy as np

from idgbr import IDGBRPipeline
from idgbr.inference.tiling import WindowLattice
from idgbr.settings import Settings
from pipeline.change.parts import changed_parts, ground_of
from pipeline.change.score import PERCENT
from pipeline.geometry.grid import Grid, Window
from pipeline.segment.block import lattice_windows, parts_that_see
from pipeline.segment.kept import KEPT_BYTES, KeptWindows

PLACES = 200
HECTARE = 10
"""Pixels of 10 m a side."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="simulated-s2")
    settings = IDGBRPipeline.from_pretrained(parser.parse_args().model).settings
    print(f"{'block, px':>9} {'nine whole blocks':>17} {'block and strips':>16} {'a hectare':>9} {'ratio':>5}")
    for side in (256, 512, 1024, 2048):
        whole, strips, parts = windows(settings, side)
        print(f"{side:>9} {whole:>17.0f} {strips:>16.0f} {parts:>9.0f} {strips / parts:>5.1f}")


def windows(settings: Settings, side: int) -> tuple[float, float, float]:
    grid, chance = Grid("EPSG:3035", 10, side), np.random.default_rng(0)
    counts = []
    for y, x in chance.integers(-50, 50, (PLACES, 2)).tolist():
        own = grid.block_window((y, x))
        around = [grid.block_window((y + i, x + j)) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        percent_BB = np.zeros(own.shape, np.uint8)
        top, left = chance.integers(0, side - HECTARE, 2).tolist()
        percent_BB[top : top + HECTARE, left : left + HECTARE] = PERCENT
        ground = ground_of(changed_parts(percent_BB, 0.5, HECTARE**2, own, own), own)
        strips = [[own] if block == own else parts_that_see(settings, block, [own]) for block in around]
        parts = [parts_that_see(settings, block, ground) for block in around]
        counts.append([computed(settings, list(chain.from_iterable(each))) for each in ([around], strips, parts)])
    whole, stripped, parted = np.mean(counts, axis=0).tolist()
    return whole, stripped, parted


def computed(settings: Settings, parts: list[Window]) -> int:
    """Windows that a worker computes for parts one after the other, of each its coarse and its refined scores."""
    kept = KeptWindows(KEPT_BYTES // (4 * len(settings.classes) * settings.window**2))
    lattice, count = WindowLattice(settings.window, settings.overlap), 0
    for part in parts:
        for window in lattice_windows(lattice, part.pad(settings.boundary_radius)):
            at = window.y0, window.x0
            count += kept.get(("coarse", at, b"")) is None
            for stage in ("coarse", "refined"):
                kept.keep((stage, at, b""), Future())
    return count


if __name__ == "__main__":
    main()

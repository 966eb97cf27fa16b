"""Windows that one changed block costs: its neighbours mapped whole, or only what sees it; asked for, and computed by
one worker, which keeps the last ones.

    python tests/benchmarks/strips.py --model simulated-s2

Means over 200 places of the block on the absolute lattice of windows.
"""

import argparse
from concurrent.futures import Future
from itertools import chain

import numpy as np

from idgbr import IDGBRPipeline
from idgbr.inference.tiling import WindowLattice
from idgbr.settings import Settings
from pipeline.geometry.grid import Grid, Window
from pipeline.segment.block import lattice_windows, parts_that_see
from pipeline.segment.kept import KEPT_BYTES, KeptWindows

PLACES = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="simulated-s2")
    settings = IDGBRPipeline.from_pretrained(parser.parse_args().model).settings
    print(f"{'block, px':>9} {'nine whole blocks':>17} {'block and strips':>16} {'ratio':>5} {'computed':>8}")
    for side in (256, 512, 1024, 2048):
        whole, strips, computed = windows(settings, side)
        print(f"{side:>9} {whole:>17.0f} {strips:>16.0f} {whole / strips:>5.1f} {computed:>8.0f}")


def windows(settings: Settings, side: int) -> tuple[float, float, float]:
    grid, chance = Grid("EPSG:3035", 10, side), np.random.default_rng(0)
    whole, strips, new = [], [], []
    for y, x in chance.integers(-50, 50, (PLACES, 2)).tolist():
        own = grid.block_window((y, x))
        around = [grid.block_window((y + i, x + j)) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        seeing = ([own] if block == own else parts_that_see(settings, block, [own]) for block in around)
        parts = list(chain.from_iterable(seeing))
        whole.append(sum(cost(settings, block) for block in around))
        strips.append(sum(cost(settings, part) for part in parts))
        new.append(computed(settings, parts))
    return float(np.mean(whole)), float(np.mean(strips)), float(np.mean(new))


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


def cost(settings: Settings, part: Window) -> int:
    """Windows that a part of a map takes."""
    canvas = part.pad(settings.boundary_radius)
    return WindowLattice(settings.window, settings.overlap).count((canvas.y0, canvas.x0), canvas.shape)


if __name__ == "__main__":
    main()

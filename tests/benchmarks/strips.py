"""Windows that one changed block costs: its neighbours mapped whole, or only what sees it.

    python tests/benchmarks/strips.py --model simulated-s2

Means over 200 places of the block on the absolute lattice of windows.
"""

import argparse

import numpy as np

from idgbr import IDGBRPipeline
from idgbr.inference.tiling import WindowLattice
from idgbr.settings import Settings
from pipeline.geometry.grid import Grid, Window
from pipeline.segment.block import parts_that_see

PLACES = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="simulated-s2")
    settings = IDGBRPipeline.from_pretrained(parser.parse_args().model).settings
    print(f"{'block, px':>9} {'nine whole blocks':>17} {'block and strips':>16} {'ratio':>5}")
    for side in (512, 1024, 2048):
        whole, strips = windows(settings, side)
        print(f"{side:>9} {whole:>17.0f} {strips:>16.0f} {whole / strips:>5.1f}")


def windows(settings: Settings, side: int) -> tuple[float, float]:
    grid, chance = Grid("EPSG:3035", 10, side), np.random.default_rng(0)
    whole, strips = [], []
    for y, x in chance.integers(-50, 50, (PLACES, 2)).tolist():
        own = grid.block_window((y, x))
        around = [grid.block_window((y + i, x + j)) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        near = [part for block in around if block != own for part in parts_that_see(settings, block, [own])]
        whole.append(sum(cost(settings, block) for block in around))
        strips.append(sum(cost(settings, part) for part in [own, *near]))
    return float(np.mean(whole)), float(np.mean(strips))


def cost(settings: Settings, part: Window) -> int:
    """Windows that a part of a map takes."""
    canvas = part.pad(settings.boundary_radius)
    return WindowLattice(settings.window, settings.overlap).count((canvas.y0, canvas.x0), canvas.shape)


if __name__ == "__main__":
    main()

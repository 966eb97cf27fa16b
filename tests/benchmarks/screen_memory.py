"""Memory of asking the change model about a block, beside the bound that a run reserves for it.

    OMP_NUM_THREADS=1 python tests/benchmarks/screen_memory.py [--blocks 256 512 1024]

Each row is a process of its own that takes the steps of `Worker.screen` on random mosaics with a shipped model.
"""

import argparse
import subprocess
import sys

import numpy as np
from memory import peak_mb


def measure(block: int) -> None:
    import torch

    from idgbr.change import ChangePipeline
    from pipeline.change.alerts import Alerts
    from pipeline.change.layer import seen_changes
    from pipeline.change.memory import screen_bytes
    from pipeline.change.parts import SIDE
    from pipeline.change.score import percent_of
    from pipeline.change.verdict import verdict
    from pipeline.config.sections import ChangeSettings
    from pipeline.geometry.grid import Window
    from pipeline.planning.memory import PROCESS_BYTES

    torch.set_num_threads(1)
    model = ChangePipeline.from_pretrained("simulated-s2-change").to("cpu")
    bands = len(model.bands)
    side = block + 2 * model.halo
    random = np.random.default_rng(0)
    base = peak_mb()
    rows = list(range(bands))
    before_CHW, after_CHW = (random.integers(1, 4000, (bands, side, side), dtype=np.uint16)[rows] for _ in range(2))
    inner = slice(model.halo, model.halo + block), slice(model.halo, model.halo + block)
    corner = model.halo + block
    probability_HW = model(before_CHW, after_CHW, (0, 0), (model.halo, model.halo, corner, corner)).probability_HW
    percent_HW = percent_of(probability_HW, before_CHW[:, *inner], after_CHW[:, *inner])
    day_HW, window = np.ones((block, block), np.uint16), Window(0, 0, block, block)
    none = Alerts(np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint16))
    known_HW, settings = np.ones((block, block), bool), ChangeSettings(model="any", threshold=0.1)
    _, changed_HW = verdict(percent_HW, known_HW, known_HW, day_HW, none, 0, settings, 50, window, window)
    seen_changes(percent_HW, changed_HW, day_HW, (percent_HW, day_HW))
    peak = peak_mb()
    bound = (PROCESS_BYTES + screen_bytes(block, bands, bands, model.halo, model.batch_bytes)) / 2**20
    print(f"{block:6} {base:8.0f} {peak:8.0f} {bound:8.0f} {bound / peak:8.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    print(" block  before     peak    bound  bound / peak (MB)", flush=True)
    for block in options.blocks:
        subprocess.run([sys.executable, __file__, "--measure", str(block)], check=True)


if __name__ == "__main__":
    main()

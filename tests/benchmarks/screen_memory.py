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
    from pipeline.change.layer import seen_changes
    from pipeline.change.memory import screen_bytes
    from pipeline.change.score import block_score, percent_of
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
    block_score(percent_HW, 50)
    day_HW = np.zeros((block, block), np.uint16)
    seen_changes(percent_HW, day_HW == 0, day_HW, 0.5, 50, (percent_HW, day_HW))
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

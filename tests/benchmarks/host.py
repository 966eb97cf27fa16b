"""What a window costs around the networks: CPU milliseconds by part, and what the host alone would let a device do.

    python tests/benchmarks/host.py [--block 2048] [--classes 6] [--threads 1,4,16]

A block of a simulated map goes through `segment` with the real model around networks that answer at once with logits
that hold boundaries in every window, so that each is refined. On a GPU most of these parts run there. With so many
blocks side by side, each on a thread of its own: the ground of 10 m pixels that the host lets through in an hour.
"""

import argparse
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from unittest.mock import patch

import numpy as np
import torch

from idgbr import CoarseUNet, IDGBRPipeline, Settings, networks
from idgbr.inference import batches, blend, canvas
from idgbr.processes import bridge
from idgbr.refiners.refiner import Refiner
from pipeline.geometry.grid import Window
from pipeline.segment import batching, block
from pipeline.segment.kept import RawWindow

BANDS = ("blue", "green", "red", "nir")


class InstantCoarse(CoarseUNet):
    """Class scores of stripes that cross every window."""

    def forward(self, image_BCHW):
        return self.answer_1KHW.expand(len(image_BCHW), -1, -1, -1)


class InstantRefiner(Refiner):
    """The coarse answer."""

    def condition(self, image_BCHW, coarse_BKHW):
        return None

    def forward(self, noisy_BDhw, time_B, condition):
        return self.answer_1KHW.expand(len(noisy_BDhw), -1, -1, -1)


def instant_model(classes, side):
    """A model of this many classes whose networks cost nothing."""
    rows = tuple({"code": n + 1, "name": f"class {n}", "color": "#000000"} for n in range(classes))
    settings = Settings(classes=rows, bands=BANDS, mean=(1500.0,) * 4, std=(800.0,) * 4, window=side, overlap=side // 4)
    wave_W = torch.linspace(0, 12, side)
    answer_1KHW = torch.stack([(wave_W[None] + wave_W[:, None] / 3 + k).sin() * 4 for k in range(classes)])[None]
    coarse = InstantCoarse(4, classes, widths=(8, 8, 8, 8))
    refiner = InstantRefiner(4, classes, widths=(8, 8, 8, 8), full=8, sigma=0.5)
    for network in (coarse, refiner):
        network.answer_1KHW = answer_1KHW.contiguous()
    return IDGBRPipeline(settings, coarse, refiner)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--block", type=int, default=2048, help="px a side")
    parser.add_argument("--classes", type=int, default=6)
    parser.add_argument("--threads", default="1,4,16", help="blocks side by side")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    batching.CORES = 1
    model = instant_model(asked.classes, 256)
    side = asked.block + 2 * block.reach(256, model.settings.boundary_radius)
    mosaic_BHW = np.random.default_rng(0).integers(1, 4000, (4, side, side), np.uint16)
    window = Window(0, 0, asked.block, asked.block)

    def read(part):
        return mosaic_BHW[:, : part.shape[0], : part.shape[1]]

    seconds, calls = defaultdict(float), defaultdict(int)

    def timed(stack, owner, name, label):
        call = getattr(owner, name)

        def measure(*arguments, **options):
            begun = time.thread_time()
            try:
                return call(*arguments, **options)
            finally:
                seconds[label] += time.thread_time() - begun
                calls[label] += 1

        stack.enter_context(patch.object(owner, name, measure))

    device = batching.BatchingDevice(model, kept_bytes=0)
    block.segment(device, read, window)
    with ExitStack() as stack:
        for owner, name, label in PARTS:
            timed(stack, owner, name, label)
        begun, spent = time.perf_counter(), time.process_time()
        block.segment(device, read, window)
        spent, took = time.process_time() - spent, time.perf_counter() - begun
    device.close()
    windows = len(block.lattice_windows(canvas.WindowLattice(256, 64), window.pad(model.settings.boundary_radius)))
    print(f"{windows} windows, {spent:.2f} s of CPU in {took:.2f} s: {spent / windows * 1e3:.2f} ms a window")
    for label, value in sorted(seconds.items(), key=lambda item: -item[1]):
        print(f"  {label:28} {value / windows * 1e3:7.2f} ms  ({calls[label]} calls)")
    print(f"  {'all else':28} {(spent - sum(seconds.values())) / windows * 1e3:7.2f} ms")
    for threads in map(int, asked.threads.split(",")):
        took, spent = side_by_side(model, read, window, threads)
        area = threads * (asked.block * 10 / 1000) ** 2
        print(f"{threads:3} blocks at once: {area / took * 3600:10,.0f} km2/h, {area / spent * 3600:10,.0f} a CPU hour")


def side_by_side(model, read, window, threads):
    """Wall and CPU seconds of as many blocks as threads, on one device."""
    device = batching.BatchingDevice(model, kept_bytes=0)
    begun, spent = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: block.segment(device, read, window), range(threads)))
    took, spent = time.perf_counter() - begun, time.process_time() - spent
    device.close()
    return took, spent


PARTS = (
    (batching, "needs_refinement", "gate"),
    (IDGBRPipeline, "noise", "noise"),
    (IDGBRPipeline, "normalise", "normalise"),
    (networks, "probabilities", "softmax of the condition"),
    (networks, "_placed", "layout"),
    (batches, "_filled", "windows to the device"),
    (bridge, "sample", "walk around the network"),
    (batching, "_parted", "copies to keep"),
    (RawWindow.digest, "func", "keys of kept windows"),
    (blend.Blend, "__init__", "empty sums of the block"),
    (blend.Blend, "add", "blend"),
    (canvas.Canvas, "labels", "labels of the block"),
    (block, "_block_labels", "results of the block"),
)

if __name__ == "__main__":
    main()

"""What it costs on a CPU that networks round alike on any number of threads (`idgbr.linear`).

    python tests/benchmarks/rounding.py [--rounds 7]

The same networks with the same weights and input, with the project's linear layers and 1x1 convolutions and with
torch's own, in turns in one process on one thread, as a CPU worker computes its batches; medians of processor seconds.
"""

import argparse
import time
from contextlib import contextmanager
from functools import partial
from statistics import median

import torch
from torch.nn import Conv2d
from torch.nn import functional as F

from idgbr import Refiner
from idgbr.coarse import KINDS, layers
from idgbr.layers import linear
from idgbr.refiners.presets import PRESETS

SIDE, BANDS, CLASSES = 256, 4, 6


@contextmanager
def torchs_own():
    """Linear layers and 1x1 convolutions as torch computes them."""
    kept = linear.linear, layers.linear, layers.Pointwise.forward
    linear.linear = layers.linear = F.linear
    layers.Pointwise.forward = Conv2d.forward
    try:
        yield
    finally:
        linear.linear, layers.linear, layers.Pointwise.forward = kept


def networks():
    """Name and a call of each network on one window."""
    image_BCHW = torch.randn(1, BANDS, SIDE, SIDE)
    for name, kind in KINDS.items():
        yield name, partial(kind(BANDS, CLASSES).eval(), image_BCHW)
    for name, sizes in PRESETS.items():
        yield f"refiner {name}, a step", partial(refine, Refiner(BANDS, CLASSES, **sizes).eval(), image_BCHW)


def refine(refiner, image_BCHW):
    coarse_BKHW = torch.full((1, CLASSES, SIDE, SIDE), 1 / CLASSES)
    return refiner(refiner.codec.encode(coarse_BKHW), torch.ones(1), refiner.condition(image_BCHW, coarse_BKHW))


def seconds(call):
    begun = time.process_time()
    call()
    return time.process_time() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    torch.manual_seed(0)
    torch.set_num_threads(1)
    print(f"| one window of {SIDE} px | ours, s | torch's own, s | ours / torch's |")
    print("| --- | --- | --- | --- |")
    with torch.inference_mode():
        for name, call in networks():
            ours, theirs = [], []
            for number in range(rounds + 1):
                mine = seconds(call)
                with torchs_own():
                    other = seconds(call)
                if number:
                    ours.append(mine)
                    theirs.append(other)
            share = median(a / b for a, b in zip(ours, theirs, strict=True))
            print(f"| {name} | {median(ours):.3f} | {median(theirs):.3f} | {share:.2f} |", flush=True)


if __name__ == "__main__":
    main()

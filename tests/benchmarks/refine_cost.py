"""What refinement costs beside the coarse network, and how near its convolutions come to what the core can do.

    OMP_NUM_THREADS=1 python tests/benchmarks/refine_cost.py [--rounds 8] [--compile]

One batch of windows of the shipped model on one thread, every operation timed by itself: milliseconds a window, the
least of so many rounds of each operation, so that others on the machine count little. The peak is the faster of a
matrix product of 2,048 and a 3x3 convolution of 128 channels in fp32, timed in the same rounds. Rows: the coarse
network, and refinement in one and in two steps (x1, x2) with noise, softmax and encoding; in fp32 and in bf16. A
megapixel is of ground, all of whose windows are refined. With --compile also compiled by torch.compile, by processor
seconds.
"""

import argparse
import time
from collections import defaultdict

import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from idgbr import IDGBRPipeline
from pipeline.console.tables import print_table

KINDS = {"conv2d": "conv", "layer_norm": "norm", "cat": "join", "relu": "point", "mul": "point", "add": "point"}
COLUMNS = "conv", "norm", "join", "point", "rest"
"""Convolutions, norms, concatenations, pointwise operations of the networks, and all else."""
MEGA = 1e6


class Timed(TorchDispatchMode):
    """Kind, seconds and floating point operations of every operation, in order."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        begun = time.thread_time()
        answer = operation(*arguments, **(options or {}))
        took = time.thread_time() - begun
        name = operation.__name__.split(".")[0]
        work = 0
        if name in ("conv2d", "convolution"):
            work = 2 * answer.numel() * arguments[1][0].numel()
        self.rows.append((KINDS.get(name.rstrip("_"), "rest"), took, work))
        return answer


def least(rounds, calls):
    """Of each call, each operation's least seconds over the rounds, the calls in turns."""
    found = {}
    for _ in range(rounds):
        for name, call in calls.items():
            with Timed() as timed:
                call()
            kept = found.get(name, timed.rows)
            found[name] = [
                (kind, min(took, before), work)
                for (kind, took, work), (_, before, _) in zip(timed.rows, kept, strict=True)
            ]
    return found


def peak_calls():
    matrix = torch.randn(2048, 2048)
    image_BCHW = torch.randn(4, 128, 64, 64).to(memory_format=torch.channels_last)
    weight = torch.randn(128, 128, 3, 3).to(memory_format=torch.channels_last)
    return {"product": lambda: matrix @ matrix, "convolution": lambda: F.conv2d(image_BCHW, weight, padding=1)}


def seconds(call):
    begun = time.process_time()
    call()
    return time.process_time() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--compile", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    model = IDGBRPipeline.from_pretrained("simulated-s2")
    settings, random = model.settings, torch.Generator().manual_seed(0)
    shape = settings.batch, len(settings.bands), settings.window, settings.window
    image_BCHW = torch.randint(500, 3000, shape, generator=random).float()
    corners = [(0, 0)] * settings.batch
    logits_BKHW = model.coarse_logits(image_BCHW, corners)
    calls = {}
    for precision in ("fp32", "bf16"):
        of = model.with_settings(precision=precision)
        calls[f"{precision} coarse"] = lambda of=of: of.coarse_logits(image_BCHW, corners)
        for steps in (1, 2):
            walk = of.with_settings(num_inference_steps=steps)
            calls[f"{precision} refined x{steps}"] = lambda walk=walk: walk.refine_logits(
                image_BCHW, logits_BKHW, corners
            )
    found = least(asked.rounds, calls | peak_calls())
    product = 2 * 2048**3 / sum(took for _, took, _ in found.pop("product"))
    convolution = sum(work for *_, work in found["convolution"]) / sum(took for _, took, _ in found.pop("convolution"))
    peak = max(product, convolution)
    windows = MEGA / (settings.window - settings.overlap) ** 2
    rows = []
    for name, operations in found.items():
        by_kind = defaultdict(float)
        for kind, took, _ in operations:
            by_kind[kind] += took / settings.batch * 1e3
        work = sum(work for *_, work in operations) / settings.batch
        total, coarse = (sum(took for _, took, _ in found[key]) for key in (name, f"{name.split()[0]} coarse"))
        rate = work / by_kind["conv"] * 1e3
        rows.append(
            (
                name,
                f"{total / settings.batch * 1e3:.1f}",
                *(f"{by_kind[kind]:.1f}" for kind in COLUMNS),
                f"{total / coarse:.2f}",
                f"{total / settings.batch * windows:.2f}",
                f"{rate / 1e9:.0f}",
                f"{100 * rate / peak:.0f}",
            )
        )
    head = "", "ms", *COLUMNS, "x coarse", "s/Mpx", "GFLOP/s", "peak %"
    print_table(
        f"fp32 peak {peak / 1e9:.0f} GFLOP/s (product {product / 1e9:.0f}, convolution {convolution / 1e9:.0f})",
        rows,
        head,
    )
    if asked.compile:
        compiled = IDGBRPipeline.from_pretrained("simulated-s2").compile()
        took = seconds(lambda: compiled.refine_logits(image_BCHW, compiled.coarse_logits(image_BCHW, corners), corners))
        runs = {
            "coarse": lambda of: of.coarse_logits(image_BCHW, corners),
            "refinement": lambda of: of.refine_logits(image_BCHW, logits_BKHW, corners),
        }
        best = defaultdict(lambda: float("inf"))
        for _ in range(asked.rounds):
            for name, run in runs.items():
                for kind, of in (("as it is", model), ("compiled", compiled)):
                    best[name, kind] = min(best[name, kind], seconds(lambda run=run, of=of: run(of)))
        rows = [
            (name, *(f"{best[name, kind] / settings.batch * 1e3:.1f}" for kind in ("as it is", "compiled")))
            for name in runs
        ]
        print_table(f"ms a window; compiling took {took:.0f} CPU s", rows, ("", "as it is", "compiled"))


if __name__ == "__main__":
    main()

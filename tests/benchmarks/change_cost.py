"""What asking for change costs beside mapping again: multiply-adds and seconds a megapixel, on one thread.

    OMP_NUM_THREADS=1 python tests/benchmarks/change_cost.py [--rounds 5]

One window through each network, in turn, `rounds` times; the least is kept. A megapixel of ground takes 1e6 / stride^2
windows. Refinement is that of a window with a boundary, in the model's own number of steps; windows without one cost
none. The last table tells below which share of changed ground the change network saves time, where every window of
that ground is refined, and where half of them are.
"""

import argparse
import time
from itertools import product

import numpy as np
import torch
from torch import nn

from idgbr import IDGBRPipeline
from idgbr.change import PRESETS, ChangeNetwork, ChangePipeline, ChangeSettings
from idgbr.shipped import SHIPPED_MODELS
from pipeline.console.tables import print_table

MEGA = 1e6


def multiply_adds(run, *networks):
    """Of all convolutions and linear layers that `run` goes through."""
    total, hooks = 0, []

    def count(module, inputs, output):
        nonlocal total
        if isinstance(module, nn.Conv2d):
            kernel = module.kernel_size[0] * module.kernel_size[1]
            total += output.numel() * module.in_channels // module.groups * kernel
        else:
            total += output.numel() * module.in_features

    for network in networks:
        layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
        hooks += [layer.register_forward_hook(count) for layer in layers]
    run()
    for hook in hooks:
        hook.remove()
    return total


def change_model(preset, shrink, bands):
    settings = ChangeSettings(
        bands=bands,
        before_mean=(1500,) * len(bands),
        before_std=(800,) * len(bands),
        after_mean=(1500,) * len(bands),
        after_std=(800,) * len(bands),
    )
    return ChangePipeline(settings, ChangeNetwork(len(bands), shrink=shrink, **PRESETS[preset]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    mapper = IDGBRPipeline.from_pretrained(SHIPPED_MODELS / "simulated-s2")
    settings, random = mapper.settings, np.random.default_rng(0)
    window = random.integers(500, 3000, (settings.batch, len(settings.bands), settings.window, settings.window))
    window = window.astype(np.uint16)
    logits = mapper.coarse_logits(window)
    corners = [(0, 0)] * settings.batch
    runs = {
        "coarse": (lambda: mapper.coarse_logits(window), settings, mapper.coarse),
        "refinement": (lambda: mapper.refine_logits(window, logits, corners), settings, mapper.refiner),
    }
    for preset, shrink in product(PRESETS, (1, 2)):
        model = change_model(preset, shrink, settings.bands)
        side = model.settings.window
        pair = [random.integers(500, 3000, (1, len(settings.bands), side, side)).astype(np.uint16) for _ in range(2)]
        name = f"SCN {preset}{', shrink 2' * (shrink > 1)}"
        runs[name] = (
            lambda model=model, pair=pair: model.logits(*pair),
            model.settings,
            model._folded,
        )
    shipped = ChangePipeline.from_pretrained("simulated-s2-change")
    side = shipped.settings.window
    looked = [torch.from_numpy(window[:1, :, :side, :side]) for _ in range(2)]
    runs["scout of simulated-s2-change"] = (lambda: shipped._sees(*looked), shipped.settings, shipped.scout)
    runs["SCN of simulated-s2-change"] = (lambda: shipped.logits(*looked), shipped.settings, shipped._folded)
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, (run, _, _) in runs.items():
            start = time.process_time()
            run()
            best[name] = min(best[name], time.process_time() - start)
    rows, seconds = [], {}
    for name, (run, its, network) in runs.items():
        windows = MEGA / (its.window - its.overlap) ** 2
        adds = multiply_adds(run, network) / its.batch * windows
        seconds[name] = best[name] / its.batch * windows
        rows.append((name, f"{its.window}/{its.window - its.overlap}", f"{adds / 1e9:,.1f}", f"{seconds[name]:.2f}"))
    print_table(
        f"a megapixel, one thread, torch {torch.__version__}, {len(settings.bands)} bands",
        rows,
        ("network", "window/stride px", "multiply-adds, 1e9", "CPU seconds"),
    )
    shares = []
    for name in (name for name in seconds if name.startswith("SCN")):
        cells = []
        for refined in (1.0, 0.5):
            again = seconds["coarse"] + refined * seconds["refinement"]
            cells.append(f"{100 * max(0.0, 1 - seconds[name] / again):.0f} %")
        shares.append((name, *cells))
    print_table("saves time below this share of changed ground", shares, ("", "all refined", "half refined"))


if __name__ == "__main__":
    main()

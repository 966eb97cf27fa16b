"""What asking for change costs beside mapping again: multiply-adds and seconds a megapixel, on one thread.

    OMP_NUM_THREADS=1 python tests/benchmarks/change_cost.py [--rounds 5]

One window through each network, in turn, `rounds` times; the least is kept. A megapixel of ground takes 1e6 / stride^2
windows. Refinement is that of a window with a boundary, in the model's own number of steps; windows without one cost
none. The shipped change model is also asked as updates ask it, about an image of `SIDE` px, with the level of its scout
set so that it names none, a quarter and all of the windows. The last table tells below which share of changed ground
asking saves time, where every window of that ground is refined, and where half of them are; a scout that names just the
windows of changed ground costs in proportion to it.
"""

import argparse
import time
from itertools import product

import numpy as np
import torch
from torch import nn

from idgbr import IDGBRPipeline
from idgbr.change import PRESETS, ChangeNetwork, ChangePipeline, ChangeSettings
from idgbr.inference.tiling import WindowLattice
from idgbr.inference.window import cut_window
from idgbr.shipped import SHIPPED_MODELS
from pipeline.console.tables import print_table

MEGA = 1e6
SIDE = 512
NAMED = {"none": 0.0, "a quarter": 0.25, "all": 1.0}
"""Shares of the windows that a scout names."""


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


def levels(model, before_BHW, after_BHW):
    """Number of windows of two images, and the level of the scout at which it names each share of them."""
    settings, images = model.settings, [torch.from_numpy(each).float() for each in (before_BHW, after_BHW)]
    highest = []
    for place in WindowLattice(settings.window, settings.overlap).corners((0, 0), (SIDE, SIDE)):
        pair = (cut_window(image, place, (0, 0), settings.window, settings.blank)[None] for image in images)
        highest.append(float(model.scout(*model.normalise(*pair)).max()))
    falling = [float("inf"), *sorted(highest, reverse=True)]
    return len(highest), {name: falling[round(share * len(highest))] for name, share in NAMED.items()}


def asked_at(model, level, images):
    """The change model asked about two images, its scout at a level."""

    def run():
        model.scout.level = level
        model(*images)

    return run


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
    runs["network of simulated-s2-change"] = (lambda: shipped.logits(*looked), shipped.settings, shipped._folded)
    pair = random.integers(500, 3000, (2, len(settings.bands), SIDE, SIDE)).astype(np.uint16)
    looks, level_of = levels(shipped, *pair)
    asked = {f"scout names {name}": asked_at(shipped, level, pair) for name, level in level_of.items()}
    best = dict.fromkeys([*runs, *asked], float("inf"))
    for _ in range(rounds):
        for name, run in {**{name: run for name, (run, _, _) in runs.items()}, **asked}.items():
            shipped.forget()
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
    stride = shipped.settings.window - shipped.settings.overlap
    asking = {name: best[name] / looks * MEGA / stride**2 for name in asked}
    rows = [(name, f"{value:.2f}") for name, value in asking.items()]
    print_table(f"simulated-s2-change asked about {looks} windows", rows, ("", "CPU seconds a megapixel"))
    costs = {name: (value, value) for name, value in seconds.items() if name.startswith(("SCN", "network"))}
    costs |= {name: (value, value) for name, value in asking.items()}
    costs["scout names what changed"] = asking["scout names none"], asking["scout names all"]
    shares = []
    for name, (none, all_) in costs.items():
        cells = []
        for refined in (1.0, 0.5):
            again = seconds["coarse"] + refined * seconds["refinement"]
            cells.append(f"{100 * max(0.0, (again - none) / (again + all_ - none)):.0f} %")
        shares.append((name, *cells))
    print_table("saves time below this share of changed ground", shares, ("", "all refined", "half refined"))


if __name__ == "__main__":
    main()

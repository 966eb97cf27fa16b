"""Small change models, and two dates of a small landscape on which some rectangles changed."""

import numpy as np
import torch
from torch import nn

from idgbr.change import ChangeNetwork, ChangePipeline, ChangeSettings
from idgbr.training.loop import with_seed

BANDS = ("red", "green", "nir")
TINY = {"channels": (4, 4, 4, 8, 8, 8)}


def tiny_network(streams=2, bands=3, seed=0, **config):
    """With batch norms that have seen something."""
    network = with_seed(seed, lambda: ChangeNetwork(bands, streams, **(TINY | config)))
    random = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(generator=random)
            module.running_var.uniform_(0.5, 2, generator=random)
    return network


def tiny_change_model(**settings):
    values = {"before_mean": (1000,) * 3, "before_std": (800,) * 3, "after_mean": (1200,) * 3, "after_std": (900,) * 3}
    return ChangePipeline(
        ChangeSettings(**{"bands": BANDS, "window": 32, "overlap": 8, **values, **settings}), tiny_network()
    )


def two_dates(seed, height=96, width=None, changes=4):
    """before_CHW and after_CHW, uint16, and label_HW, 1 where the ground changed; the light differs everywhere."""
    random = np.random.default_rng(seed)
    width = width or height
    before_CHW = random.integers(500, 900, (3, height, width)) + random.integers(0, 400, (3, 1, 1))
    after_CHW = before_CHW * random.uniform(0.9, 1.1, (3, 1, 1)) + random.integers(-50, 50, (3, height, width))
    label_HW = np.zeros((height, width), np.uint8)
    for _ in range(changes):
        tall, wide = random.integers(10, 30, 2)
        y, x = random.integers(0, height - tall), random.integers(0, width - wide)
        label_HW[y : y + tall, x : x + wide] = 1
        after_CHW[:, y : y + tall, x : x + wide] += 1500
    return before_CHW.astype(np.uint16), after_CHW.astype(np.uint16), label_HW

"""One plain training loop: AdamW, cosine rate with warm-up, clipped gradients, averaged weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

Built = TypeVar("Built", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class Optimisation:
    """rate: highest learning rate; warmup: steps to reach it; ema: decay of the weight average; clip: gradient norm."""

    steps: int = 2000
    rate: float = 1e-3
    warmup: int = 100
    weight_decay: float = 1e-2
    ema: float = 0.998
    clip: float = 1.0


@dataclass(frozen=True)
class Progress:
    """One finished step out of `steps`, its loss and its learning rate."""

    step: int
    steps: int
    loss: float
    rate: float


def optimise(network: nn.Module, loss_of_batch: Callable[[], Tensor], how: Optimisation) -> Iterator[Progress]:
    """Trains `network` on the loss of successive batches; when exhausted it holds the averaged weights."""
    weights: list[Tensor] = [weight for weight in network.parameters() if weight.requires_grad]
    averages = [weight.detach().clone() for weight in weights]
    optimiser = torch.optim.AdamW(weights, lr=how.rate, weight_decay=how.weight_decay)
    network.train()
    for step in range(1, how.steps + 1):
        rate = learning_rate(step, how)
        for group in optimiser.param_groups:
            group["lr"] = rate
        loss = loss_of_batch()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, how.clip)
        optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(averages, weights, 1 - min(how.ema, step / (step + 10)))
        yield Progress(step, how.steps, loss.item(), rate)
    with torch.no_grad():
        torch._foreach_copy_(weights, averages)
    network.eval()


def learning_rate(step: int, how: Optimisation) -> float:
    """Rises linearly over the warm-up, then falls to 0 along half a cosine."""
    if step <= how.warmup:
        return how.rate * step / how.warmup
    done = (step - how.warmup) / max(1, how.steps - how.warmup)
    return how.rate * 0.5 * (1 + math.cos(math.pi * done))


def seeded(seed: int, build: Callable[[], Built]) -> Built:
    """What `build` makes with its first weights drawn from `seed`; the global random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()

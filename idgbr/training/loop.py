"""One plain training loop: AdamW, cosine rate with warm-up, clipped gradients, averaged weights; it can be resumed.

Where torch.distributed is initialised, its ranks train one network together.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from idgbr.errors import InputError
from idgbr.settings import Precision
from idgbr.training.crops import random_of
from idgbr.training.ranks import average, broadcast, rank, value_of_first_rank
from idgbr.training.state import State

Network = TypeVar("Network", bound=nn.Module)

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
SPEED_STEPS = 20


class Diverged(InputError):
    """Training whose loss or gradient is no longer a number."""


class OutOfTime(Exception):
    """Training that has reached its deadline: its state is saved, its network is not finished."""

    def __init__(self, step: int, steps: int) -> None:
        super().__init__(step, steps)
        self.step = step
        self.steps = steps

    def __str__(self) -> str:
        return f"time was up after step {self.step} of {self.steps}; train again with the same state to go on"


@dataclass(frozen=True, kw_only=True)
class Optimisation:
    """rate: highest learning rate; warmup: steps to reach it; ema: decay of the weight average; clip: gradient norm.

    precision: of the forward pass (autocast), weights are float32. seed: of what the network itself draws (dropout).
    """

    steps: int = 2000
    rate: float = 1e-3
    warmup: int = 100
    weight_decay: float = 1e-2
    ema: float = 0.998
    clip: float = 1.0
    precision: Precision = "fp32"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise InputError(f"precision must be one of {', '.join(PRECISIONS)}, not {self.precision!r}")
        if self.steps < 1 or self.warmup < 0 or not 0 <= self.ema < 1:
            raise InputError(
                f"steps must be at least 1, warmup at least 0 and ema in 0..1 (without 1), "
                f"not {self.steps}, {self.warmup} and {self.ema}"
            )
        if not (self.rate > 0 and self.clip > 0):
            raise InputError(f"rate and clip must be above 0, not {self.rate} and {self.clip}")


@dataclass(frozen=True)
class Progress:
    """One finished step out of `steps`: its loss (mean over ranks) and learning rate.

    smoothed: running mean of the loss; speed: steps a second over the last steps; remaining: seconds at that speed.
    """

    step: int
    steps: int
    loss: float
    rate: float
    smoothed: float = math.nan
    speed: float = math.nan

    @property
    def remaining(self) -> float:
        return (self.steps - self.step) / self.speed


def optimise(
    network: nn.Module,
    loss_of_step: Callable[[int], Tensor],
    optimisation: Optimisation,
    state: Path | None = None,
    *,
    about: str = "",
    save_every: int = 200,
    deadline: float | None = None,
    decay_vectors: bool = True,
) -> Iterator[Progress]:
    """Trains `network` on `loss_of_step(step)` of steps 1..optimisation.steps. When exhausted, it holds the averaged
    weights.

    loss_of_step: scalar, called under autocast with the random state of (optimisation.seed, rank, step). With batches
    that are a function of the step, a resumed training gives the bits of an uninterrupted one on the same kind of
    device.
    Only parameters that require gradients are trained and kept; the averages include floating buffers (batch norm).
    state: a safetensors file, written atomically every `save_every` steps and at the end. Where it exists, training
    continues from it; CheckpointError if it is of another network, `optimisation` or `about` (a digest of data and
    further settings).
    decay_vectors: whether weights of one axis (biases, norms) decay too.
    deadline: value of time.monotonic() after which the state is saved and OutOfTime raised.
    Raises Diverged, and saves nothing, when loss or gradient is not finite. Ranks: gradients are averaged, all start
    from rank 0's weights, rank 0 reads and writes the state and keeps the deadline.
    """
    current = State(
        network,
        optimisation.weight_decay,
        optimisation.precision == "fp16",
        asdict(optimisation) | {"about": about},
        decay_vectors,
    )
    last_step = current.begin(state)
    network.train()
    marks = deque([time.monotonic()], SPEED_STEPS + 1)
    for step in range(last_step + 1, optimisation.steps + 1):
        if deadline is not None and value_of_first_rank(time.monotonic() >= deadline, current.device):
            if state is not None:
                current.save(state, step - 1)
            raise OutOfTime(step - 1, optimisation.steps)
        rate = learning_rate(step, optimisation)
        with _random(optimisation.seed, step, current.device), _autocast(optimisation, current.device):
            loss = loss_of_step(step)
        value = _update(current, loss, rate, step, optimisation)
        moving, averages = list(current.moving.values()), list(current.averages.values())
        with torch.no_grad():
            torch._foreach_lerp_(averages, moving, 1 - min(optimisation.ema, step / (step + 10)))
        current.smoothed = value if step == 1 else current.smoothed + max(0.05, 1 / step) * (value - current.smoothed)
        if state is not None and (step % save_every == 0 or step == optimisation.steps):
            current.save(state, step)
        marks.append(time.monotonic())
        speed = (len(marks) - 1) / max(marks[-1] - marks[0], 1e-9)
        yield Progress(step, optimisation.steps, value, rate, current.smoothed, speed)
    with torch.no_grad():
        torch._foreach_copy_(list(current.moving.values()), list(current.averages.values()))
    broadcast([*current.moving.values(), *current.buffers.values()])
    network.eval()


def learning_rate(step: int, optimisation: Optimisation) -> float:
    """Rises linearly over the warm-up, then falls to 0 along half a cosine."""
    if step <= optimisation.warmup:
        return optimisation.rate * step / optimisation.warmup
    done = (step - optimisation.warmup) / max(1, optimisation.steps - optimisation.warmup)
    return optimisation.rate * 0.5 * (1 + math.cos(math.pi * done))


def with_seed(seed: int, build: Callable[[], Network]) -> Network:
    """What `build` makes with its first weights drawn from `seed`; the global random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def _update(current: State, loss: Tensor, rate: float, step: int, optimisation: Optimisation) -> float:
    """One step of AdamW down the gradient of `loss`; the loss, mean over ranks."""
    for group in current.optimiser.param_groups:
        group["lr"] = rate
    current.optimiser.zero_grad()
    current.scaler.scale(loss).backward()
    for weight in current.weights.values():
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
    mean = loss.detach().float().clone()
    average([*(weight.grad for weight in current.weights.values() if weight.grad is not None), mean])
    current.scaler.unscale_(current.optimiser)
    norm = nn.utils.clip_grad_norm_(current.weights.values(), optimisation.clip)
    value, length = torch.stack([mean, norm.float()]).tolist()
    overflow = optimisation.precision == "fp16" and math.isfinite(value)
    if not math.isfinite(value) or not (math.isfinite(length) or overflow):
        raise Diverged(
            f"loss {value} and gradient norm {length} at step {step} of {optimisation.steps} are not finite; "
            f"lower the rate ({optimisation.rate}), raise the warmup ({optimisation.warmup}) or take precision fp32"
        )
    current.scaler.step(current.optimiser)
    current.scaler.update()
    return value


@contextmanager
def _random(seed: int, step: int, device: torch.device) -> Iterator[None]:
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int(random_of(seed, step, rank(), "network").integers(2**63)))
        yield


def _autocast(optimisation: Optimisation, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, PRECISIONS[optimisation.precision], optimisation.precision != "fp32")

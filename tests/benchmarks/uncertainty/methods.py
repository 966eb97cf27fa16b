"""Several answers of one place, by whatever makes them differ: a turn, a seed, dropout, another training."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from refine_steps import with_noise

from idgbr import IDGBRPipeline
from idgbr.training.crops import Pair
from uncertainty.twins import twin

SHIPPED = "as shipped"
MEMBERS, PASSES = 8, 4
TWINS = 3
ORIGIN = (64, 64)
"""Where a world's part lies on the lattice, for the fewest windows."""


class Turned(IDGBRPipeline):
    """Answers for the turned and flipped window, turned back."""

    turns = 0
    flipped = False

    def refine_logits(self, image_BCHW: Any, coarse_logits_BKHW: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        turned = [torch.rot90(torch.as_tensor(each), self.turns, (-2, -1)) for each in (image_BCHW, coarse_logits_BKHW)]
        turned = [each.flip(-1).contiguous() if self.flipped else each.contiguous() for each in turned]
        answer_BKHW = super().refine_logits(*turned, *args, **kwargs)
        return torch.rot90(answer_BKHW.flip(-1) if self.flipped else answer_BKHW, -self.turns, (-2, -1)).contiguous()


def methods(home: Path, pairs: Sequence[Pair], steps: int) -> dict[str, Callable[[], list[IDGBRPipeline]]]:
    """The members of each; twins are trained on `pairs`, unless `home` has them."""

    def twins(count: int) -> list[IDGBRPipeline]:
        return [twin(home / f"twin-{seed}", pairs, seed, steps) for seed in range(count)]

    return {
        SHIPPED: lambda: [_shipped()],
        "mean of 8 turns and flips": _turned,
        "bridge's ensemble of 8": lambda: [_noisy(seed) for seed in range(MEMBERS)],
        "one twin": lambda: twins(1),
        f"deep ensemble of {TWINS} twins": lambda: twins(TWINS),
        f"twin with dropout, {PASSES} times": lambda: [twin(home / "dropout", pairs, 0, steps, True)] * PASSES,
    }


def probabilities(members: Sequence[IDGBRPipeline], image_CHW: np.ndarray) -> np.ndarray:
    """MKHW float32 class probabilities of the refined map, of each member."""
    torch.manual_seed(0)
    return np.stack([_probabilities(member, image_CHW) for member in members])


def _probabilities(model: IDGBRPipeline, image_CHW: np.ndarray) -> np.ndarray:
    strips: list[np.ndarray] = []

    def listen(number: int, rows: slice, coarse_KHW: np.ndarray, refined_KHW: np.ndarray) -> None:
        strips.append(refined_KHW.copy())

    model.maps(image_CHW[None], origin=ORIGIN, listener=listen)
    return np.concatenate(strips, 1)


def _shipped() -> IDGBRPipeline:
    return IDGBRPipeline.from_pretrained("simulated-s2")


def _noisy(seed: int) -> IDGBRPipeline:
    """With the noise of its training, in the two steps that make use of it."""
    return with_noise(_shipped()).with_settings(num_inference_steps=2, seed=seed)


def _turned() -> list[IDGBRPipeline]:
    shipped, members = _shipped(), []
    for turns in range(4):
        for flipped in (False, True):
            member = Turned(shipped.settings, shipped.coarse, shipped.refiner)
            member.turns, member.flipped = turns, flipped
            members.append(member)
    return members

"""How a refiner is run: how many steps, from where, by which scheduler, guided how strongly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import torch
from torch import Tensor

from idgbr.values import check_choice, check_number, check_whole

Init = Literal["coarse", "noise"]

MAX_STEPS = 1000
"""Steps of the schedule that diffusions are trained with."""


class Codec(Protocol):
    """Labels to values a diffusion works on, and back; see `idgbr.labels.CornerCodec`."""

    channels: int
    stride: int

    def encode(self, probability_BKHW: Tensor) -> Tensor:
        """BDhw with h = H / stride; hard labels are one-hot probabilities."""

    def logits(self, value_BDhw: Tensor) -> Tensor:
        """BKHW class logits."""


class Denoiser(Protocol):
    """What a process asks of a refining network: `config` names its `process`, `prediction` and `sigma`."""

    @property
    def config(self) -> Any: ...

    @property
    def codec(self) -> Codec: ...

    def condition(self, image_BCHW: Tensor, coarse_BKHW: Tensor) -> Any:
        """What all steps need of a normalised image and its coarse class probabilities; computed once."""

    def drop(self, condition: Any, dropped_B: Tensor) -> Any:
        """The condition with the samples of `dropped_B` (bool) made unconditional."""

    def __call__(self, noisy_BDhw: Tensor, time_B: Tensor, condition: Any) -> Tensor:
        """Class logits BKHW (prediction "labels") or BDhw (epsilon, v, x0) at time 0..1."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a refiner is run.

    num_inference_steps: evaluations of the network. init: start from the coarse mask or from pure noise (only a
    diffusion can start from noise). guidance_scale: of classifier-free guidance; 1 is off, any other value costs a
    second evaluation per step. scheduler: of a diffusion, see `idgbr.processes.schedulers`; the others have none.
    """

    num_inference_steps: int = 2
    init: Init = "coarse"
    guidance_scale: float = 1.0
    scheduler: Any = None

    def __post_init__(self) -> None:
        check_whole("num_inference_steps", self.num_inference_steps, 1, MAX_STEPS)
        check_choice("init", self.init, get_args(Init))
        check_number("guidance_scale", self.guidance_scale, 0)


def guide(refiner: Denoiser, noisy_BDhw: Tensor, time_B: Tensor, condition: Any, scale: float) -> Tensor:
    """The network's answer; at a scale other than 1 pushed away from its unconditional answer (arXiv 2207.12598)."""
    answer = refiner(noisy_BDhw, time_B, condition)
    if scale == 1:
        return answer
    everything_B = torch.ones(len(noisy_BDhw), dtype=torch.bool, device=noisy_BDhw.device)
    return torch.lerp(refiner(noisy_BDhw, time_B, refiner.drop(condition, everything_B)), answer, scale)


def at_time(value: float, like_BDhw: Tensor) -> Tensor:
    """B copies of one time."""
    return torch.full(like_BDhw.shape[:1], value, device=like_BDhw.device)

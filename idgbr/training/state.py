"""All that a training is at one moment, kept in one safetensors file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from idgbr.errors import CheckpointError, InputError
from idgbr.tensor_file import check_finite, write_tensors
from idgbr.training.ranks import broadcast, rank

KIND = "idgbr training state"


class State:
    """Weights that are trained, persistent buffers, averages of both, AdamW's moments, the scaler of fp16.

    identity: settings that a state must agree in to be continued, by name. decay_vectors: whether weights of one axis
    decay too. Ranks: rank 0 reads and writes.
    """

    def __init__(
        self,
        network: nn.Module,
        weight_decay: float,
        scaled: bool,
        identity: Mapping[str, Any],
        decay_vectors: bool = True,
    ) -> None:
        persistent = network.state_dict().keys()
        self.weights = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
        self.buffers = {name: buffer for name, buffer in network.named_buffers() if name in persistent}
        if not self.weights:
            raise InputError(f"the {type(network).__name__} has no parameter that requires a gradient")
        floating = {name: buffer for name, buffer in self.buffers.items() if buffer.is_floating_point()}
        self.moving: dict[str, Tensor] = {**self.weights, **floating}
        self.averages = {name: tensor.detach().clone() for name, tensor in self.moving.items()}
        self.device = next(iter(self.weights.values())).device
        fused = self.device.type == "cuda"
        kept = [weight for weight in self.weights.values() if weight.ndim < 2 and not decay_vectors]
        decayed = [weight for weight in self.weights.values() if weight.ndim > 1 or decay_vectors]
        groups: list[dict[str, Any]] = [{"params": decayed}, {"params": kept, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(
            [group for group in groups if group["params"]], weight_decay=weight_decay, fused=fused
        )
        for weight in self.weights.values():
            self.optimiser.state[weight] = {
                "step": torch.zeros((), device=self.device if fused else "cpu"),
                "exp_avg": torch.zeros_like(weight),
                "exp_avg_sq": torch.zeros_like(weight),
            }
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=scaled)
        self.smoothed = math.nan
        self._identity = {"network": type(network).__name__, **identity}

    def save(self, path: Path, step: int) -> None:
        """Writes the file whole or not at all."""
        if rank() != 0:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {name: tensor.detach().contiguous() for name, tensor in self._tensors().items()}
        numbers = dict(zip(_NUMBERS, self._numbers(step).tolist(), strict=True))
        write_tensors(path, tensors, {"kind": KIND, "identity": json.dumps(self._identity), **_texts(numbers)})

    def begin(self, path: Path | None) -> int:
        """The step that `path` was saved after, all of it restored; 0 where there is none. Raises CheckpointError."""
        numbers = self._numbers(0)
        error = None
        if path is not None and rank() == 0 and path.exists():
            try:
                numbers = self._read(path)
            except CheckpointError as fault:
                error, numbers = fault, torch.full_like(numbers, -1)
        numbers_on_device = numbers.to(self.device)
        broadcast([numbers_on_device])
        if error is not None:
            raise error
        step, updates, self.smoothed, scale, growth = numbers_on_device.tolist()
        if step < 0:
            raise CheckpointError(f"rank 0 cannot go on from {path}")
        broadcast(self._tensors().values())
        for moments in self.optimiser.state.values():
            moments["step"].fill_(updates)
        if self.scaler.is_enabled():
            self.scaler.load_state_dict({**self.scaler.state_dict(), "scale": scale, "_growth_tracker": int(growth)})
        return int(step)

    def _read(self, path: Path) -> Tensor:
        try:
            with safe_open(path, "pt") as file:
                about = file.metadata() or {}
                if about.get("kind") != KIND:
                    raise CheckpointError(f"{path} is not the state of a training; name another file for it")
                self._compare(path, json.loads(about["identity"]))
                targets = self._tensors()
                shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
                for name in sorted(shapes.keys() ^ targets.keys()):
                    raise CheckpointError(f"{path} is of another network: {name} is in only one of them; {_ADVICE}")
                for name, target in targets.items():
                    if shapes[name] != tuple(target.shape):
                        raise CheckpointError(
                            f"{path} is of another network: its {name} is {shapes[name]}, "
                            f"not {tuple(target.shape)}; {_ADVICE}"
                        )
                tensors = {name: file.get_tensor(name) for name in targets}
                check_finite(path, tensors)
                numbers = torch.tensor([float(about[name]) for name in _NUMBERS], dtype=torch.float64)
                if not numbers[0].isfinite() or numbers[0] < 0:
                    raise ValueError(f"its step is {about['step']}")
                with torch.no_grad():
                    for name, target in targets.items():
                        target.copy_(tensors[name])
                return numbers
        except (SafetensorError, OSError, LookupError, ValueError, AttributeError, RecursionError) as error:
            if isinstance(error, CheckpointError):
                raise
            raise CheckpointError(f"{path} is truncated or not a safetensors file ({error}); {_ADVICE}") from error

    def _compare(self, path: Path, identity: dict[str, Any]) -> None:
        for name, value in json.loads(json.dumps(self._identity)).items():
            if identity.get(name) != value:
                raise CheckpointError(
                    f"{path} is of another training: its {name} is {identity.get(name)}, not {value}; {_ADVICE}"
                )

    def _tensors(self) -> dict[str, Tensor]:
        moments = {
            f"{kind}.{name}": self.optimiser.state[weight][kind]
            for name, weight in self.weights.items()
            for kind in ("exp_avg", "exp_avg_sq")
        }
        network = {f"network.{name}": tensor for name, tensor in {**self.weights, **self.buffers}.items()}
        return network | {f"average.{name}": tensor for name, tensor in self.averages.items()} | moments

    def _numbers(self, step: int) -> Tensor:
        updates = next(iter(self.optimiser.state.values()))["step"].item()
        scaler = self.scaler.state_dict()
        numbers = [step, updates, self.smoothed, scaler.get("scale", 0), scaler.get("_growth_tracker", 0)]
        return torch.tensor(numbers, dtype=torch.float64)


_NUMBERS = ("step", "updates", "smoothed", "scale", "growth")
_ADVICE = "remove it to start again, or name another file"


def _texts(numbers: Mapping[str, float]) -> dict[str, str]:
    return {name: repr(value) for name, value in numbers.items()}

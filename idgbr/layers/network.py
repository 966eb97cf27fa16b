"""The common base of all networks here: diffusers' saving and loading, one memory layout."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, Self

import torch
from diffusers.configuration_utils import ConfigMixin
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

from idgbr.tensor_file import apply_umask

WEIGHTS = "diffusion_pytorch_model.safetensors"
ALIGNED = 64
"""Bytes that torch's own memory starts at multiples of. Kernels round otherwise on weights that start elsewhere, as
those that diffusers maps from a file do."""


class Network(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """A torch module with `config`, `from_config`, `save_pretrained` and `from_pretrained`."""

    def save_pretrained(self, save_directory: str | PathLike[Any], *args: Any, **kwargs: Any) -> None:
        """As diffusers', with weights that whoever may read config.json may read."""
        super().save_pretrained(save_directory, *args, **kwargs)
        for file in Path(save_directory).glob("diffusion_pytorch_model*.safetensors"):
            apply_umask(file)

    def place(self, device: str | torch.device) -> Self:
        """Moves to a device in channels-last layout; weights of half precision become float32."""
        if any(value.dtype in (torch.float16, torch.bfloat16) for value in self.state_dict().values()):
            nn.Module.float(self)
        for value in (*self.parameters(), *self.buffers()):
            if value.data_ptr() % ALIGNED:
                value.data = value.data.clone()
        nn.Module.to(self, torch.device(device))
        nn.Module.to(self, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

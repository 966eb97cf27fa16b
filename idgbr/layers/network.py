"""The common base of all networks here: diffusers' saving and loading, one memory layout."""

from __future__ import annotations

from typing import Self

import torch
from diffusers.configuration_utils import ConfigMixin
from diffusers.models.modeling_utils import ModelMixin
from torch import nn


class Network(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """A torch module with `config`, `from_config`, `save_pretrained` and `from_pretrained`."""

    def place(self, device: str | torch.device) -> Self:
        """Moves to a device in channels-last layout."""
        nn.Module.to(self, torch.device(device))
        nn.Module.to(self, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

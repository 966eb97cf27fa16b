"""Fills a coarse network's backbone from a local file of pretrained weights."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from idgbr.coarse.network import CoarseNetwork
from idgbr.errors import CheckpointError, InputError
from idgbr.tensor_file import check_finite


def load_backbone(network: CoarseNetwork, path: str | Path) -> None:
    """Copies the tensors of `network.backbone` out of a .safetensors file; others in the file are left out.

    Where the file's first convolution sees another number of bands, every band gets the mean of its weights, times
    (bands in the file) / (bands of the network): a picture that is the same in all bands gives the same answer whatever
    their number and order. With the same number the bands must come in the file's order, mostly red, green, blue.
    CheckpointError if the file cannot be read, lacks a tensor, or holds one of another shape or with numbers that are
    not finite.
    """
    path = Path(path)
    if not network.backbone:
        raise InputError(f"a {type(network).__name__} has no backbone to load; leave the weights out")
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}; give a .safetensors file of pretrained weights")
    if path.suffix != ".safetensors":
        raise CheckpointError(
            f"{path.name} is not a .safetensors file, and pickled weights are not read, as they can run code; "
            "convert it with safetensors.torch.save_file where you trust it"
        )
    targets = {
        name: value
        for name, value in network.state_dict().items()
        if name.startswith(network.backbone) and not name.endswith(".num_batches_tracked")
    }
    try:
        with safe_open(path, "pt") as file:
            names = set(file.keys())
            tensors = {name: file.get_tensor(name) for name in targets if name in names}
    except SafetensorError as error:
        raise CheckpointError(f"{path} is truncated or not a safetensors file ({error}); copy it again") from error
    if network.first in tensors:
        tensors[network.first] = _fit_bands(tensors[network.first], targets[network.first])
    faults = [_fault(name, value, tensors.get(name)) for name, value in targets.items()]
    faults = [fault for fault in faults if fault]
    if faults:
        raise CheckpointError(
            f"{path} does not fit a {type(network).__name__}: {len(faults)} of {len(targets)} tensors are missing or "
            f"of another shape, first {faults[0]}; give weights of this architecture and size"
        )
    check_finite(path, tensors)
    with torch.no_grad():
        for name, value in targets.items():
            value.copy_(tensors[name])


def _fit_bands(weight_OCHW: Tensor, like_OCHW: Tensor) -> Tensor:
    if weight_OCHW.ndim != 4 or weight_OCHW.shape[1] == like_OCHW.shape[1]:
        return weight_OCHW
    bands = like_OCHW.shape[1]
    return (weight_OCHW.float().sum(1, keepdim=True) / bands).expand(-1, bands, -1, -1)


def _fault(name: str, value: Tensor, tensor: Tensor | None) -> str:
    if tensor is None:
        return f"{name} (missing)"
    return "" if tensor.shape == value.shape else f"{name} ({list(tensor.shape)}, needed {list(value.shape)})"

"""The ranks of torch.distributed: processes that train one network together. Without them all this does nothing."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, distributed


def count() -> int:
    """How many ranks there are."""
    return distributed.get_world_size() if _several() else 1


def rank() -> int:
    """The number of this process among them, 0 first."""
    return distributed.get_rank() if _several() else 0


def broadcast(tensors: Iterable[Tensor]) -> None:
    """Gives rank 0's values to all, in place."""
    if _several():
        with torch.no_grad():
            for tensor in tensors:
                whole = tensor.contiguous()
                distributed.broadcast(whole, 0)
                tensor.copy_(whole)


def average(tensors: list[Tensor]) -> None:
    """Puts the mean over the ranks into float32 tensors, in place and in one message."""
    if _several():
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(flat)
        parts = (flat / count()).split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))


def value_of_first_rank(value: bool, device: torch.device) -> bool:
    """Rank 0's value."""
    answer = torch.tensor(float(value), device=device)
    broadcast([answer])
    return bool(answer.item())


def wait() -> None:
    """Until all ranks have come here."""
    if _several():
        distributed.barrier()


def _several() -> bool:
    return distributed.is_available() and distributed.is_initialized()

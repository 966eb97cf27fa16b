"""Windows through a network in batches of one fixed size, so that no answer depends on how many are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, TypeAlias

import torch
from numpy.typing import NDArray
from torch import Tensor

from idgbr.errors import InputError
from idgbr.settings import Precision

Array: TypeAlias = NDArray[Any] | Tensor
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def in_batches(
    compute: Callable[..., Tensor],
    arrays: Sequence[Array],
    classes: int,
    batch: int,
    device: torch.device,
    precision: Precision,
) -> Tensor:
    """BKHW float32 answers of `compute` to windows, `batch` at once: the last batch is filled by repeating its last.

    arrays: BCHW each, of equally many windows; InputError if not.
    """
    tensors = [tensor(array) for array in arrays]
    count, _, height, width = tensors[0].shape
    for each in tensors:
        if len(each) != count or each.ndim != 4:
            shapes = [tuple(one.shape) for one in tensors]
            raise InputError(f"image, mask and noise must be windows alike, not of shapes {shapes}")
    out_BKHW = torch.empty(count, classes, height, width, device=device)
    dtype = DTYPES.get(precision)
    fast = nullcontext() if dtype is None else torch.autocast(device.type, dtype)
    for start in range(0, count, batch):
        chosen = torch.arange(start, start + batch).clamp(max=count - 1)
        taken = (each[chosen].to(device, torch.float32, memory_format=torch.channels_last) for each in tensors)
        with fast:
            out_BKHW[start : start + batch] = compute(*taken)[: count - start].float()
    return out_BKHW


def tensor(array: Array) -> Tensor:
    """Without a copy, but of arrays that may only be read, which torch does not take."""
    return torch.as_tensor(array if isinstance(array, Tensor) or array.flags.writeable else array.copy())

"""Windows through a network in batches of one fixed size, so that no answer depends on how many are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idgbr.errors import InputError
from idgbr.settings import Precision

Array: TypeAlias = NDArray[Any] | Tensor
DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def in_batches(
    compute: Callable[..., Tensor],
    arrays: Sequence[Array],
    classes: int,
    batch: int,
    device: torch.device,
    precision: Precision,
) -> Tensor:
    """BKHW float32 answers of `compute` to windows, `batch` at once: the last batch is filled by repeating its last.

    arrays: BCHW each, of equally many windows; InputError if not, and if an answer is not finite.
    """
    tensors = [tensor(array) for array in arrays]
    count, _, height, width = tensors[0].shape
    for each in tensors:
        if len(each) != count or each.ndim != 4:
            shapes = [tuple(one.shape) for one in tensors]
            raise InputError(f"image, mask and noise must be windows alike, not of shapes {shapes}")
    out_BKHW = torch.empty(count, classes, height, width, device=device)
    fast = nullcontext() if precision == "fp32" else torch.autocast(device.type, DTYPES[precision])
    for start in range(0, count, batch):
        taken = [_filled(each[start : start + batch], batch, device) for each in tensors]
        with fast:
            out_BKHW[start : start + batch] = compute(*taken)[: count - start].float()
    if count and not math.isfinite(sum(end.item() for end in out_BKHW.aminmax())):
        raise InputError(
            "the model's scores are not finite: its weights, or the raw numbers that it is given, are too large for "
            f"precision {precision}; give images in the units that it was trained on, or take another model"
        )
    return out_BKHW


def precision_of(dtype: torch.dtype) -> Precision:
    """InputError for a dtype that networks do not compute in."""
    for precision, each in DTYPES.items():
        if each == dtype:
            return precision
    raise InputError(f"dtype must be one of {', '.join(map(str, DTYPES.values()))}, not {dtype}")


def _filled(part_BCHW: Tensor, batch: int, device: torch.device) -> Tensor:
    """`batch` windows as float32 on the device, the last repeated; they travel as what they are, from pinned memory."""
    if device.type == "cuda" and part_BCHW.device.type == "cpu":
        part_BCHW = part_BCHW.pin_memory().to(device, non_blocking=True)
    window_BCHW = part_BCHW.to(device, torch.float32)
    missing = batch - len(window_BCHW)
    return torch.cat([window_BCHW, window_BCHW[-1:].expand(missing, -1, -1, -1)]) if missing else window_BCHW


def tensor(array: Array) -> Tensor:
    """Without a copy where torch takes the array as it is; masked pixels become NaN. InputError for other things than
    arrays of real numbers."""
    if isinstance(array, Tensor) and not array.is_complex():
        return array.detach()
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
        raise InputError(
            f"an array of real numbers is needed, not of {getattr(array, 'dtype', None) or type(array).__name__}"
        )
    if isinstance(array, np.ma.MaskedArray):
        array = np.ma.filled(array.astype(np.float32), np.nan)
    plain = array.flags.writeable and array.dtype.isnative and min(array.strides, default=0) >= 0
    if plain and array.dtype.itemsize <= 8:
        return torch.as_tensor(array)
    native = np.dtype(np.float64) if array.dtype.itemsize > 8 else array.dtype.newbyteorder("=")
    return torch.as_tensor(np.array(array, native, order="C"))

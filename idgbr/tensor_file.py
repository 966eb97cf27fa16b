"""Safetensors files: judged by their header before anything is allocated, read whole, finite, and written with the
mode that other new files get."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from idgbr.errors import CheckpointError

DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""The format's names of dtypes."""

Header = Mapping[str, tuple[str, tuple[int, ...]]]
"""Dtype, by the format's name, and shape of each tensor."""


def read_header(path: Path) -> Header:
    """CheckpointError unless `path` is a whole safetensors file."""
    with _open(path) as file:
        parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        return {name: (part.get_dtype(), tuple(part.get_shape())) for name, part in parts.items()}


def misfit(header: Header, expected: Mapping[str, Tensor]) -> str:
    """The first difference between a file's tensors and those expected, in their names, shapes and dtypes; "" if there
    is none."""
    for name in sorted(header.keys() ^ expected.keys()):
        return f"{name:.120} is missing" if name in expected else f"{name:.120} is not part of it"
    for name, value in expected.items():
        dtype, shape = header[name]
        if shape != tuple(value.shape):
            return f"{name:.120} has the shape {list(shape)}, not {list(value.shape)}"
        if dtype != DTYPES.get(value.dtype):
            return f"{name:.120} has the dtype {dtype}, not {DTYPES.get(value.dtype, value.dtype)}"
    return ""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file; CheckpointError if it cannot be read or one holds a number that is not finite."""
    with _open(path) as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    check_finite(path, tensors)
    return tensors


def check_finite(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """CheckpointError that names the first tensor with NaN or infinity."""
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise CheckpointError(
                f"{path} holds numbers that are not finite (NaN or infinity) in {name:.120}; train or copy it again"
            )


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Writes the file whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    save_file(dict(tensors), partial, dict(metadata))
    apply_umask(partial)
    partial.replace(path)


def apply_umask(path: Path) -> None:
    """Gives a file the mode of a new one; safetensors makes files that only their owner may read."""
    probe = path.with_name(f".{path.name}.mode")
    os.close(os.open(probe, os.O_CREAT | os.O_WRONLY, 0o666))
    try:
        path.chmod(probe.stat().st_mode & 0o777)
    finally:
        probe.unlink()


@contextmanager
def _open(path: Path) -> Iterator[safe_open]:
    try:
        with safe_open(path, "pt") as file:
            yield file
    except SafetensorError as error:
        raise CheckpointError(f"{path} is truncated or not a safetensors file ({error}); copy it again") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error}); see that it may be read") from error

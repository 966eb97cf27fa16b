"""IDGBR: coarse land-cover segmentation and diffusion boundary refinement on plain arrays (arXiv 2507.01573)."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "CheckpointError": "idgbr.errors",
    "CoarseUNet": "idgbr.coarse",
    "IDGBRPipeline": "idgbr.pipeline",
    "Refiner": "idgbr.refiners.refiner",
    "Settings": "idgbr.settings",
}

__all__ = ["CheckpointError", "CoarseUNet", "IDGBRPipeline", "Refiner", "Settings", "metrics"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("idgbr")
    if name == "metrics":
        return import_module("idgbr.metrics")
    if name not in _HOMES:
        raise AttributeError(f"module 'idgbr' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__

"""Sizes of the refiners that ship with the project; `sd15` is made by `idgbr.refiners.sd15.load_sd15` from a folder."""

from typing import Any

TINY: dict[str, Any] = {"widths": (32, 64, 96, 128), "full": 16}
"""About 2 M parameters, for a CPU."""

BASE: dict[str, Any] = {"widths": (96, 192, 320, 448), "full": 32, "attention": True}
"""For one GPU."""

PRESETS = {"tiny": TINY, "base": BASE}

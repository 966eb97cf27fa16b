"""The models that come with the package, by name."""

from __future__ import annotations

import re
from pathlib import Path

SHIPPED_MODELS = Path(__file__).parent / "weights"


def shipped_models() -> list[str]:
    """Their names, sorted."""
    return sorted(folder.name for folder in SHIPPED_MODELS.iterdir() if folder.is_dir())


def model_folder(name: str | Path, base: Path = Path()) -> Path:
    """A shipped model by its name, such as "simulated-s2"; any other text is a path that counts from `base`."""
    shipped = SHIPPED_MODELS / name
    return shipped if re.fullmatch(r"[a-z0-9-]+", str(name)) and shipped.is_dir() else base / name

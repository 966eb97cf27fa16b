"""The folder of this user for what can be fetched or made again."""

import os
from pathlib import Path

from pipeline.errors import RunError


def user_cache() -> Path:
    """Raises RunError where the user has none."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "idgbr"
    except RuntimeError:
        raise RunError("this user has no home folder for a cache; set XDG_CACHE_HOME") from None

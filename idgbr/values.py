"""Checks of single values, as they come out of a file: each passes or is an InputError of one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from idgbr.errors import InputError

FLOAT32_MAX = float(np.finfo(np.float32).max)
FLOAT32_TINY = float(np.finfo(np.float32).tiny)


def check_whole(name: str, value: Any, low: int, high: int) -> None:
    """A whole number in low..high; neither a float nor True or False."""
    if type(value) is not int or not low <= value <= high:
        raise InputError(f"{name} must be a whole number in {low}..{high}, not {short(value)}")


def check_number(name: str, value: Any, low: float = -FLOAT32_MAX, high: float = FLOAT32_MAX) -> None:
    """A finite number in low..high, which float32 can hold; neither True nor False."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        allowed = "finite in float32" if (low, high) == (-FLOAT32_MAX, FLOAT32_MAX) else f"in {low:.9g}..{high:.9g}"
        raise InputError(f"{name} must be a number {allowed}, not {short(value)}")


def check_choice(name: str, value: Any, allowed: Sequence[str]) -> None:
    """One of the words."""
    if value not in allowed:
        raise InputError(f"{name} must be one of {', '.join(allowed)}, not {short(value)}")


def check_words(name: str, values: Any) -> None:
    """A list of different words, none of them empty."""
    words = isinstance(values, list | tuple) and all(isinstance(value, str) and value.strip() for value in values)
    if not words or len(set(values)) < len(values):
        raise InputError(f"{name} must be a list of different words, not {short(values)}")


def short(value: Any) -> str:
    """At most 80 characters of a value as Python writes it."""
    try:
        text = repr(value)
    except (ValueError, RecursionError) as error:
        return f"a value that cannot be written ({error})"
    return text if len(text) <= 80 else f"{text[:80]} ..."

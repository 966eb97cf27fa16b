"""What a value of a YAML file is not taken for: yes for a number, a number for a day."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, get_args

MISFIT = object()
"""Stands for a value that another type would take for one of its own; no type takes it."""


def as_meant(annotation: Any, value: Any) -> Any:
    """The value with MISFIT for each scalar in it that pydantic would take for one of another type: a bool for a
    number, and a number, or a text that is one, for the days since 1970 or the seconds."""
    types = list(_types(annotation))
    numbers = int in types or float in types
    if numbers and bool not in types:
        return _without(lambda scalar: isinstance(scalar, bool), value)
    if date in types and not numbers:
        return _without(_is_number, value)
    return value


def _types(annotation: Any) -> Iterator[Any]:
    parts = get_args(annotation)
    if not parts:
        yield annotation
    for part in parts:
        yield from _types(part)


def _without(is_misfit: Callable[[Any], bool], value: Any) -> Any:
    if isinstance(value, list):
        return [_without(is_misfit, item) for item in value]
    if isinstance(value, dict):
        return {key: _without(is_misfit, item) for key, item in value.items()}
    return MISFIT if is_misfit(value) else value


def _is_number(scalar: Any) -> bool:
    try:
        float(scalar)
    except (TypeError, ValueError):
        return False
    return True

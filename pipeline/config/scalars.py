"""What a value of a YAML file is not taken for: yes for a number."""

from collections.abc import Iterator
from typing import Any, get_args

MISFIT = object()
"""Stands for a value that another type would take for one of its own; no type takes it."""


def as_meant(annotation: Any, value: Any) -> Any:
    """The value with MISFIT for each bool in it, where the type has numbers and no bool: pydantic takes yes for 1."""
    types = list(_types(annotation))
    if (int in types or float in types) and bool not in types:
        return _without_bools(value)
    return value


def _types(annotation: Any) -> Iterator[Any]:
    parts = get_args(annotation)
    if not parts:
        yield annotation
    for part in parts:
        yield from _types(part)


def _without_bools(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_bools(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_bools(item) for key, item in value.items()}
    return MISFIT if isinstance(value, bool) else value

"""Sizes of a network, as a recipe names them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from idgbr.errors import InputError

UNFIT = (TypeError, ValueError, ArithmeticError, LookupError, RuntimeError, AssertionError)
"""What networks and torch raise of numbers, lists and texts that are no sizes of theirs."""


@contextmanager
def fitting(network: str, sizes: Mapping[str, Any]) -> Iterator[None]:
    """Where a network is built of `sizes`: InputError of one line if they do not fit what is called `network`."""
    try:
        yield
    except InputError:
        raise
    except UNFIT as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"sizes {dict(sizes)!s:.500} do not fit a {network}: {reason:.300}") from error

"""Do something again and again by the wall clock, as a small installation does without cron."""

import re
import time as clock
from collections.abc import Callable
from datetime import timedelta
from typing import NoReturn

from pipeline.errors import UserError

UNITS = {"m": "minutes", "h": "hours", "d": "days"}
LONGEST_SLEEP = 60.0
"""Seconds: a machine that was suspended sees soon after it wakes that something is due."""


def interval(text: str) -> timedelta:
    """The interval of a text such as 30m, 6h or 1d. Raises UserError."""
    match = re.fullmatch(r"([1-9]\d{0,4})([mhd])", text)
    if match is None:
        raise UserError(f"--every is {text!r:.40}; give a whole number of minutes, hours or days: 30m, 6h, 1d")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def repeat(every: timedelta, action: Callable[[], None]) -> NoReturn:
    """Calls `action` now and then at fixed times, `every` apart. Times that pass meanwhile are caught up by one call.

    Where the clock is set back, the times move with it: it never waits longer than `every`. Ends with what `action`
    raises.
    """
    due, step = clock.time(), every.total_seconds()
    while True:
        action()
        missed = max(int((clock.time() - due) // step), 1)
        due += missed * step
        while (left := due - clock.time()) > 0:
            due -= max(left - step, 0.0)
            clock.sleep(min(left, LONGEST_SLEEP))

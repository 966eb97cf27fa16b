"""Updates at fixed times, on a clock of the test's own."""

from datetime import timedelta

import pytest

from pipeline.errors import UserError
from pipeline.execution import repeat as module
from pipeline.execution.repeat import interval, repeat

DAY = 86400


class Enough(Exception):
    pass


class Clock:
    def __init__(self):
        self.now = 1000.0

    def time(self):
        return self.now

    def sleep(self, seconds):
        assert 0 < seconds <= module.LONGEST_SLEEP
        self.now += seconds


def starts(monkeypatch, durations):
    """When actions of these lengths start that are repeated every 600 s, from 0."""
    clock, left, begun = Clock(), iter(durations), []
    monkeypatch.setattr(module, "clock", clock)

    def action():
        begun.append(clock.now - 1000)
        clock.now += next(left, None) or _stop()

    def _stop():
        raise Enough

    with pytest.raises(Enough):
        repeat(timedelta(seconds=600), action)
    return begun


def test_actions_start_at_fixed_times_however_long_they_take(monkeypatch):
    assert starts(monkeypatch, [10, 250, 599, 1]) == [0, 600, 1200, 1800, 2400]


@pytest.mark.parametrize(
    ("seconds", "expected"), [(601, [0, 601, 1200]), (1700, [0, 1700, 1800]), (1800, [0, 1800, 2400])]
)
def test_times_that_were_missed_are_caught_up_by_one(monkeypatch, seconds, expected):
    assert starts(monkeypatch, [seconds, 10]) == expected


def test_where_the_clock_is_set_back_by_days_the_next_one_is_an_interval_away(monkeypatch):
    after = 610 - 10 * DAY
    assert starts(monkeypatch, [10, 10 - 10 * DAY, 10]) == [0, 600, after + 600, after + 1200]


@pytest.mark.parametrize(("text", "seconds"), [("30m", 1800), ("6h", 21600), ("1d", 86400)])
def test_an_interval_is_a_number_of_minutes_hours_or_days(text, seconds):
    assert interval(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["6", "0h", "h", "6 h", "-6h", "1.5h", "6w", "999999d"])
def test_anything_else_is_refused(text):
    with pytest.raises(UserError, match="30m, 6h, 1d"):
        interval(text)

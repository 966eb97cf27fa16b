"""Updates at fixed times, on a clock of the test's own."""

import errno
from datetime import timedelta

import pytest
from command import run_here

from catalogs.errors import CatalogError, CatalogUnavailable
from cluster.errors import PoolError, PoolLost
from pipeline.cli import runs
from pipeline.errors import NoScenes, RunError, UserError
from pipeline.execution import repeat as module
from pipeline.execution.repeat import interval, repeat
from pipeline.storage.lease import CubeHeld

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


def test_the_command_goes_on_after_what_may_pass_and_ends_with_a_wrong_region_file(monkeypatch):
    passing = {
        "held": CubeHeld("held"),
        "away": CatalogUnavailable("away"),
        "the answer is no JSON": CatalogError("the answer is no JSON"),
        "no Ray answers": PoolLost("no Ray answers"),
        "a worker cannot be built": PoolError("a worker cannot be built"),
        "no scenes of this month yet": NoScenes("no scenes of this month yet"),
        "failed": RunError("failed"),
        "/cubes/a cannot be used (No space left on device); name another, or mend that": OSError(
            errno.ENOSPC, "No space left on device", "/cubes/a"
        ),
    }
    made = iter([*passing.values(), None, UserError("wrong")])

    def update(*arguments, **named):
        if (error := next(made)) is not None:
            raise error

    monkeypatch.setattr(module, "clock", Clock())
    monkeypatch.setattr(runs, "_run", update)
    done = run_here("update", "region.yaml", "--every", "6h")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"idgbr: {said}" for said in (*passing, "wrong")]
    assert next(made, "all") == "all"


def test_nobody_reads_what_it_prints_any_more_and_it_ends(monkeypatch):
    def update(*arguments, **named):
        raise BrokenPipeError

    monkeypatch.setattr(runs, "_run", update)
    assert run_here("update", "region.yaml", "--every", "6h").returncode == 1


def test_a_look_ahead_is_not_repeated():
    assert run_here("update", "region.yaml", "--every", "6h", "--dry-run").returncode == 2

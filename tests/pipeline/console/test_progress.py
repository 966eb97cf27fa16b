"""What stages and counts say on a terminal and in a log."""

import io
import re

import pytest
from messages import messages
from rich.console import Console

from cluster import Ended, Finished, Started
from pipeline.console import progress


@pytest.fixture
def stderr(monkeypatch):
    """A function that makes progress write to a terminal or to a log, and gives what is written."""

    def written(terminal):
        out = io.StringIO()
        monkeypatch.setattr(progress, "CONSOLE", Console(file=out, force_terminal=terminal, width=100))
        return out

    return written


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when a test says so."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def finish(shown, stage, number):
    for _ in range(number):
        shown.listen(Finished(stage, None))


def test_a_log_gets_a_line_of_a_stage_now_and_then_and_one_when_it_is_done(stderr, clock):
    out = stderr(terminal=False)
    with progress.stage_progress() as shown:
        shown.listen(Started("mosaic", 10))
        shown.listen(Started("segment", 10))
        finish(shown, "mosaic", 3)
        assert out.getvalue() == ""
        clock[0] += 40
        finish(shown, "mosaic", 2)
        finish(shown, "segment", 1)
        clock[0] += 10
        finish(shown, "mosaic", 5)
        shown.listen(Ended("mosaic", 10, 0, 50.0))
    assert out.getvalue().splitlines() == [
        "mosaic 4/10, after 0:00:40, about 0:01:00 left",
        "segment 1/10, after 0:00:40, about 0:06:00 left",
        "mosaic 10/10, after 0:00:50",
    ]
    assert messages(out.getvalue()) == []


def test_a_run_that_fails_at_once_leaves_nothing_but_its_sentence_in_a_log(stderr, clock):
    out = stderr(terminal=False)
    with progress.stage_progress() as shown:
        shown.count("scenes found", 120)
        shown.listen(Started("segment", 9))
    assert out.getvalue() == ""


def test_what_was_done_before_says_nothing_of_the_time_that_is_left(stderr, clock):
    """A training that goes on at step 900 of 1000 and takes a second a step."""
    out = stderr(terminal=False)
    with progress.progress_bar("refiner") as report:
        report(900, 1000, "loss 0.700")
        clock[0] += 50
        report(950, 1000, "loss 0.500")
    assert out.getvalue() == "refiner 950/1000, after 0:00:50, about 0:00:50 left, loss 0.500\n"


def test_a_count_without_an_end_is_told_without_one(stderr, clock):
    out = stderr(terminal=False)
    with progress.stage_progress() as shown:
        shown.count("scenes found", 1)
        clock[0] += 31
        shown.count("scenes found", 4000)
    assert out.getvalue() == "scenes found 4000, after 0:00:31\n"
    assert messages(out.getvalue() + "idgbr: the catalog is gone\n") == ["idgbr: the catalog is gone"]


def test_a_stage_that_is_measured_tells_the_time_that_is_left(stderr, clock):
    out = stderr(terminal=False)
    with progress.stage_progress() as shown:
        shown.measure("aggregate", 64, 256)
        clock[0] += 40
        shown.measure("aggregate", 128, 256)
        shown.measure("aggregate", 256, 256)
    assert out.getvalue().splitlines() == [
        "aggregate 128/256, after 0:00:40, about 0:01:20 left",
        "aggregate 256/256, after 0:00:40",
    ]


def test_a_terminal_gets_a_bar_a_stage(stderr):
    out = stderr(terminal=True)
    with progress.stage_progress() as shown:
        shown.listen(Started("mosaic", 2))
        finish(shown, "mosaic", 2)
        with progress.progress_bar("evaluate") as report:
            report(1, 2, "almost")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    assert re.search(r"mosaic +━+ 2/2 ", plain)
    assert re.search(r"evaluate +━+.* 1/2 .* almost", plain)


def test_what_begins_anew_gets_a_bar_of_its_own_and_a_count_ends_full(stderr):
    out = stderr(terminal=True)
    with progress.progress_bar("coarse") as report:
        report(2, 2, "loss 0.7")
        report(1, 3, "scored")
    bars = out.getvalue().split("coarse")
    assert any("2/2" in bar for bar in bars)
    assert "1/3" in bars[-1]
    out = stderr(terminal=True)
    with progress.stage_progress() as shown:
        shown.count("found", 25)
    assert "25/25" in out.getvalue()


def test_a_count_ends_where_the_next_stage_begins_and_one_that_goes_on_gets_a_bar_of_its_own(stderr):
    out = stderr(terminal=True)
    with progress.stage_progress() as shown:
        shown.count("found", 25)
        shown.listen(Started("mosaic", 2))
        assert "25/25" in out.getvalue()
        shown.count("found", 26)
    assert re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue()).count(" 26/26 ") == 1

"""Progress on stderr: a bar for each stage on a terminal, in logs now and then a line."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from cluster import Event, Finished, Started

CONSOLE = Console(stderr=True)
QUIET_SECONDS = 30

Show = Callable[[str, int, int | None, str], None]
"""Takes what is done, how many are, of how many (None: not known), and a note."""


@dataclass(frozen=True)
class Shown:
    """`listen` takes events of `cluster`, `count` takes (what, how many so far)."""

    listen: Callable[[Event], None]
    count: Callable[[str, int], None]


@contextmanager
def stages() -> Iterator[Shown]:
    """Shows a plan or a run as it goes."""
    with _shown() as show:
        done: dict[str, int] = {}
        totals: dict[str, int] = {}

        def listen(event: Event) -> None:
            if isinstance(event, Started):
                done[event.stage], totals[event.stage] = 0, event.total
            elif isinstance(event, Finished):
                done[event.stage] += 1
            else:
                return
            show(event.stage, done[event.stage], totals[event.stage], "")

        yield Shown(listen, lambda what, number: show(what, number, None, ""))


@contextmanager
def counted(what: str) -> Iterator[Callable[[int, int, str], None]]:
    """A function to call with (done, total, note)."""
    with _shown() as show:

        def report(done: int, total: int, note: str = "") -> None:
            show(what, done, total, note)

        yield report


@contextmanager
def _shown() -> Iterator[Show]:
    if not CONSOLE.is_terminal:
        yield _lines()
        return
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=CONSOLE) as bars:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int | None, note: str) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total, note=note)
            bars.update(tasks[what], completed=done, total=total, note=note)

        yield show


def _lines() -> Show:
    """A line of each stage when it is done, and until then at most every QUIET_SECONDS; what was done before the first
    call, as by a training that goes on, says nothing of the speed."""
    first: dict[tuple[str, int | None], tuple[float, int]] = {}
    last: dict[str, float] = {}

    def show(what: str, done: int, total: int | None, note: str) -> None:
        now = time.monotonic()
        begun, already = first.setdefault((what, total), (now, done))
        ended = done == total and total > 0
        if not ended and now - last.setdefault(what, now) < QUIET_SECONDS:
            return
        last[what] = now
        words = [f"{what} {done}" if total is None else f"{what} {done}/{total}", f"after {_clock(now - begun)}"]
        if total is not None and already < done < total:
            words.append(f"about {_clock((now - begun) * (total - done) / (done - already))} left")
        CONSOLE.print(", ".join(filter(None, [*words, note])), highlight=False, soft_wrap=True)

    return show


def _clock(seconds: float) -> timedelta:
    return timedelta(seconds=round(seconds))

"""Progress on stderr: one bar a stage."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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


def _bars() -> Progress:
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    return Progress(*columns, console=CONSOLE)


@dataclass(frozen=True)
class Shown:
    """`listen` takes events of `cluster`, one bar a stage; `count` takes (what, how many so far), a line each."""

    listen: Callable[[Event], None]
    count: Callable[[str, int], None]


@contextmanager
def stages() -> Iterator[Shown]:
    """Shows a plan or a run as it goes."""
    with _bars() as bars:
        tasks: dict[str, TaskID] = {}

        def listen(event: Event) -> None:
            if isinstance(event, Started):
                tasks[event.stage] = bars.add_task(event.stage, total=event.total, note="")
            elif isinstance(event, Finished):
                bars.advance(tasks[event.stage])

        def count(what: str, done: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=None, note="")
            bars.update(tasks[what], completed=done)

        yield Shown(listen, count)


@contextmanager
def counted(what: str) -> Iterator[Callable[[int, int, str], None]]:
    """A function to call with (done, total, note) that shows one bar; where nobody looks on, a line every 30 s."""
    with _bars() as bars:
        task = bars.add_task(what, total=None, note="")
        last = time.monotonic()

        def show(done: int, total: int, note: str = "") -> None:
            nonlocal last
            bars.update(task, completed=done, total=total, note=note)
            if not CONSOLE.is_terminal and (time.monotonic() - last > QUIET_SECONDS or done == total):
                last = time.monotonic()
                CONSOLE.print(f"{what} {done}/{total} {note}", highlight=False)

        yield show

"""Progress on stderr: on a terminal or in a notebook a bar for each stage, in a log a line every 30 seconds at most."""

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
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from cluster import Event, Finished, Started
from pipeline.console.logs import LOG
from pipeline.console.notebook import notebook_bars

CONSOLE = Console(stderr=True)
QUIET_SECONDS = 30

Update = Callable[[str, int, int | None, str], None]
"""Takes the stage, how many are done, of how many (None: unknown), and a note."""


@dataclass(frozen=True)
class StageProgress:
    """Progress of a plan or a run: `listen` takes events of `cluster`, `count` a stage and how many so far.

    `measure` takes a stage, how many are done, and of how many.
    """

    listen: Callable[[Event], None]
    count: Callable[[str, int], None]
    measure: Callable[[str, int, int], None]


@contextmanager
def stage_progress() -> Iterator[StageProgress]:
    """Shows the stages of a plan or a run."""
    with _display() as update:
        done: dict[str, int] = {}
        totals: dict[str, int] = {}

        def listen(event: Event) -> None:
            if isinstance(event, Started):
                done[event.stage], totals[event.stage] = 0, event.total
            elif isinstance(event, Finished):
                done[event.stage] += 1
            else:
                return
            update(event.stage, done[event.stage], totals[event.stage], "")

        yield StageProgress(
            listen,
            count=lambda stage, number: update(stage, number, None, ""),
            measure=lambda stage, number, total: update(stage, number, total, ""),
        )


@contextmanager
def progress_bar(stage: str) -> Iterator[Callable[[int, int, str], None]]:
    """Shows one stage; yields a function to call with (done, total, note)."""
    with _display() as update:

        def report(done: int, total: int, note: str = "") -> None:
            update(stage, done, total, note)

        yield report


@contextmanager
def _display() -> Iterator[Update]:
    if CONSOLE.is_jupyter:
        yield notebook_bars()
        return
    log = _log_lines(LOG.info)
    if not CONSOLE.is_terminal:
        lines = _log_lines(lambda line: CONSOLE.print(line, highlight=False, soft_wrap=True))

        def tell(stage: str, done: int, total: int | None, note: str) -> None:
            lines(stage, done, total, note)
            log(stage, done, total, note)

        yield tell
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

        def begins_anew(task: Task, done: int, total: int | None) -> bool:
            """A bar never goes back, and no count goes on that was ended."""
            return done < task.completed or (total is None and task.total not in (None, done))

        def end_counts() -> None:
            """What was counted so far is all, as far as is known."""
            for task in bars.tasks:
                if task.total is None:
                    bars.update(task.id, total=task.completed)

        def update(stage: str, done: int, total: int | None, note: str) -> None:
            if stage not in tasks:
                end_counts()
            if stage not in tasks or begins_anew(bars.tasks[bars.task_ids.index(tasks[stage])], done, total):
                tasks[stage] = bars.add_task(stage, total=total, note=note)
            bars.update(tasks[stage], completed=done, total=total, note=note)
            log(stage, done, total, note)

        try:
            yield update
        finally:
            end_counts()


def _log_lines(write: Callable[[str], None]) -> Update:
    """Writes a line for each stage when it is done, and before that one every QUIET_SECONDS at most.

    The time left is reckoned from the first call: what was done before it, such as by a training that continues, does
    not count as speed.
    """
    first: dict[tuple[str, int | None], tuple[float, int]] = {}
    last: dict[str, float] = {}

    def update(stage: str, done: int, total: int | None, note: str) -> None:
        now = time.monotonic()
        start, already = first.setdefault((stage, total), (now, done))
        complete = done == total and total > 0
        if not complete and now - last.setdefault(stage, now) < QUIET_SECONDS:
            return
        last[stage] = now
        words = [f"{stage} {done}" if total is None else f"{stage} {done}/{total}", f"after {_clock(now - start)}"]
        if total is not None and already < done < total:
            words.append(f"about {_clock((now - start) * (total - done) / (done - already))} left")
        write(", ".join(filter(None, [*words, note])))

    return update


def _clock(seconds: float) -> timedelta:
    return timedelta(seconds=round(seconds))

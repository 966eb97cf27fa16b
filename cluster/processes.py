"""The processes that this process has started, and those that these have started."""

import os
from contextlib import suppress

import psutil

ROUNDS = 5
END_SECONDS = 2.0


def descendants() -> list[psutil.Process]:
    with suppress(psutil.Error, OSError):
        return psutil.Process(os.getpid()).children(recursive=True)
    return []


def end_descendants(but: list[psutil.Process] | None = None) -> None:
    """Kills all descendants but some, and those that start meanwhile; waits for their end."""
    for _ in range(ROUNDS):
        rest = [process for process in descendants() if process not in (but or [])]
        if not rest:
            return
        for process in rest:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(rest, END_SECONDS)

"""A command that is killed at a chosen change of the files in a folder, as by SIGKILL or a lack of memory."""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

from pipeline import cli

PRELOADED = ["killed_at", "pipeline.cli.command", "pipeline.export.cog", "pipeline.export.plain_zarr"]
PRELOADED += ["pipeline.export.stac", "pipeline.export.vector", "pipeline.analysis.workers", "pystac"]
CHANGES = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def run_killed_at(change: int, folder: Path, *arguments: object) -> tuple[int | None, list[str]]:
    """Runs `idgbr` in a process of its own, which SIGKILL ends before it makes change number `change`; -1: never.

    A change is a file or folder in `folder` that Python opens for writing, makes, renames or deletes. Returns the exit
    code, None where the process has not ended after a minute, and the changes: what is done, to what.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    log = folder.with_name("changes")
    log.write_bytes(b"")
    process = context.Process(target=_run, args=(change, folder, log, [str(each) for each in arguments]))
    process.start()
    process.join(60)
    return process.exitcode, log.read_text().splitlines()


def _run(change: int, folder: Path, log: Path, arguments: list[str]) -> None:
    made, told = 0, log.open("a")

    def watch(event: str, values: tuple) -> None:
        nonlocal made
        paths = [str(value) for value in values[:2] if str(value).startswith(str(folder))]
        if event not in CHANGES or not paths or (event == "open" and not values[2] & WRITES):
            return
        if made == change:
            os.kill(os.getpid(), signal.SIGKILL)
        made += 1
        print(event, paths[-1], file=told, flush=True)

    sys.argv = ["idgbr", *arguments]
    sys.addaudithook(watch)
    cli.main()

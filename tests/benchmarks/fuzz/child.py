"""One call of the command in a process of its own, with a deadline and a limit of memory."""

import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext
from pathlib import Path
from threading import Lock

SECONDS = 20.0
SENTENCE = "idgbr: "
"""What a line of a call that failed begins with."""
BYTES = 4 << 30
PATIENCE = 5, 1
"""Seconds that a call waits for one answer and between two attempts, for 60 each: such a wait is no hang."""
PAUSE = 0.1
"""Seconds before the first new attempt to read a raster from elsewhere, for 1."""

PRELOAD = (
    "fuzz.child",
    "torch",
    "xarray",
    "icechunk",
    "pipeline.cli.command",
    "pipeline.execution.run",
    "pipeline.training.train",
)

_CHILDREN = Lock()
"""`start` asks all children how they ended; of two threads that ask the same one, one would be told 255."""


@dataclass(frozen=True)
class Outcome:
    """How a call ended. fault: traceback, hang, memory, exit code or no sentence; empty where it ended as it should."""

    code: int
    fault: str
    seconds: float
    peak_bytes: int
    stderr: str


def fork_server() -> ForkServerContext:
    """A context whose processes begin with all modules of the command imported; they are when it returns."""
    context = get_context("forkserver")
    context.set_forkserver_preload(list(PRELOAD))
    first = context.Process(target=os.getpid)
    first.start()
    first.join()
    return context


def call(context: ForkServerContext, argv: list[str], folder: Path) -> Outcome:
    """Runs `idgbr ARGV` in `folder`; its stdout and stderr are left there."""
    (folder / "stderr").touch()
    begun, peak, hung = time.monotonic(), 0, False
    process = context.Process(target=_command, args=(argv, str(folder)))
    with _CHILDREN:
        process.start()
    while not wait([process.sentinel], 0.02):
        peak = max(peak, _peak(process.pid))
        hung = time.monotonic() - begun > SECONDS
        if hung or peak > BYTES:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGUSR1)
                wait([process.sentinel], 1)
                os.kill(process.pid, signal.SIGKILL)
            break
    with _CHILDREN:
        process.join()
    code, stderr = process.exitcode, (folder / "stderr").read_text(errors="replace")
    told = (folder / "stdout").exists() and (folder / "stdout").stat().st_size > 0
    return Outcome(code, _fault(code, stderr, told, hung, peak), time.monotonic() - begun, peak, stderr)


def _fault(code: int, stderr: str, told: bool, hung: bool, peak: int) -> str:
    """told: whether there is a result on stdout, such as the damage that `check` found before it ends with 1."""
    if peak > BYTES:
        return "memory"
    if hung:
        return "hang"
    if "Traceback" in stderr or "panicked" in stderr:
        return "traceback"
    if code not in (0, 1, 2):
        return f"exit {code}"
    if code and not (code == 1 and told) and not any(line.strip().startswith(SENTENCE) for line in stderr.splitlines()):
        return "no sentence"
    return ""


def _peak(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM")), 0)


def _command(argv: list[str], folder: str) -> None:
    import faulthandler

    os.setsid()
    os.chdir(folder)
    for number, name, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, "stdout", os.O_CREAT | os.O_WRONLY),
        (2, "stderr", os.O_CREAT | os.O_WRONLY),
    ):
        os.dup2(os.open(name, flags), number)
    sys.stdin = os.fdopen(0)
    sys.stdout = os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace")
    faulthandler.register(signal.SIGUSR1, all_threads=True, file=sys.stderr)
    sys.argv = ["idgbr", *argv]
    from catalogs.sources import fetch
    from pipeline.cli import main
    from pipeline.raster import retry

    fetch.DEADLINE_SECONDS, fetch.MAX_PAUSE_SECONDS = PATIENCE
    retry.RETRY_LIMITS = replace(retry.RETRY_LIMITS, pause=PAUSE)
    main()
    sys.stdout.flush()

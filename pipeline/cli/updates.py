"""Updates one after the other, each in a process of its own: what ends this one leaves the next ones alone."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable

from catalogs.errors import CatalogError
from cluster.errors import PoolError, PoolLost
from pipeline.cli import streams
from pipeline.cli.stop import Stopped
from pipeline.console.messages import tell
from pipeline.errors import NoScenes, RunError
from pipeline.execution.repeat import interval, repeat

ONE_OF_MANY = "IDGBR_ONE_OF_MANY"
"""Of the environment of a process that does one of the updates."""
COMMAND = (sys.executable, "-P", "-m", "pipeline.cli")
WRONG = 2
UNREAD = 128 + signal.SIGPIPE


def update_every(every: str, update_once: Callable[[], None]) -> None:
    """Updates until it is stopped, or until an update ends for what no later one can mend. Raises UserError."""
    wait = interval(every)
    if os.environ.pop(ONE_OF_MANY, None):
        _one_of_many(update_once)
    else:
        repeat(wait, _update_apart)


def _one_of_many(update_once: Callable[[], None]) -> None:
    """Raises a RunError for what is wrong once and may pass."""
    try:
        update_once()
        sys.stdout.flush()
    except BrokenPipeError:
        streams.discard()
        sys.exit(UNREAD)
    except PoolLost:
        raise
    except (NoScenes, CatalogError, PoolError) as error:
        raise RunError(str(error)) from error


def _update_apart() -> None:
    """One update by the same command in a process of its own, which tells what fails.

    That process is in a process group of its own, so that Ctrl-C reaches it once: through this one.
    """
    child = subprocess.Popen([*COMMAND, *sys.argv[1:]], env=os.environ | {ONE_OF_MANY: "1"}, process_group=0)
    try:
        code = child.wait()
    except Stopped as stopped:
        child.send_signal(stopped.number)
        if child.wait() == 128 + stopped.number:
            os._exit(128 + stopped.number)  # The child has told what is kept.
        raise
    if code == UNREAD:
        raise BrokenPipeError
    if code == WRONG:
        sys.exit(WRONG)
    if code < 0:
        tell(f"this update was ended by {signal.Signals(-code).name}; what is committed is kept, the next one goes on")

"""The command `idgbr`: verbs about runs, versions, queries and models."""

import os
import sys
from typing import NoReturn

from pipeline.cli.ending import end
from pipeline.cli.stop import stoppable


def main() -> None:
    """Runs the command of `sys.argv`; it can be stopped from here on, also while modules are imported."""
    with stoppable(sys.argv[1:]):
        _run()


def process() -> NoReturn:
    """`main` as all that this process is for: it ends with the command, or by the signal that came meanwhile."""
    with stoppable(sys.argv[1:]):
        code = end(_run)
    os._exit(code)


def _run() -> None:
    from pipeline.cli.command import run_command
    from pipeline.console.logs import stop_logs

    try:
        run_command()
    finally:
        stop_logs()

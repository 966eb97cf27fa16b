"""The command `idgbr`: verbs about runs, versions, queries and models."""

import sys
from typing import NoReturn

from pipeline.cli.ending import end_with
from pipeline.cli.stop import stoppable


def main() -> None:
    """Runs the command of `sys.argv`; it can be stopped from here on, also while modules are imported."""
    with stoppable(sys.argv[1:]):
        _run()


def process() -> NoReturn:
    """`main` as all that this process is for: it ends with the command."""
    with stoppable(sys.argv[1:]):
        end_with(_run)


def _run() -> None:
    from pipeline.cli.command import run_command
    from pipeline.console.logs import stop_logs

    try:
        run_command()
    finally:
        stop_logs()

"""The command `idgbr`: verbs about runs, versions, queries and models."""

import sys

from pipeline.cli.stop import stoppable


def main() -> None:
    """Runs the command of `sys.argv`; it can be stopped from here on, also while modules are imported."""
    with stoppable(sys.argv[1:]):
        from pipeline.cli.command import run_command

        run_command()

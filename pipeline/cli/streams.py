"""Standard output and error of the command: closed, full, or of another encoding."""

import os
import sys

from pipeline.errors import UserError

json_wanted = False
"""Whether the verb that runs was asked for JSON."""


def prepare() -> None:
    """Makes both show what their encoding lacks as escapes. Raises UserError if the output is closed."""
    global json_wanted
    json_wanted = False
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 it stays open
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
        raise UserError("the standard output is closed; send it to a file, or to /dev/null if nobody reads it")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def flush() -> None:
    """Writes out what was printed. Raises OSError if the output is full, BrokenPipeError if nobody reads it."""
    sys.stdout.flush()


def discard() -> None:
    """Drops what could not be written, which Python would try again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

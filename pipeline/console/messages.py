"""What the command says on the standard error besides its progress. Lines are wrapped at words on a terminal, and
nowhere else, so that a path or a command can be copied out of a log."""

import os
import sys
from contextlib import suppress
from textwrap import fill


def tell(text: str) -> None:
    """Prints the lines of a text, each as a message. An output that is closed or full is passed over."""
    with suppress(OSError):
        print(message(text, _descriptor()), file=sys.stderr)


def message(text: str, descriptor: int | None) -> str:
    """The lines of a text, each after "idgbr: ", as they are written to an open file; None: to no file.

    A word that is wider than the terminal stays whole.
    """
    lines = [f"idgbr: {line}" for line in text.splitlines()]
    columns = _columns(descriptor)
    if columns is not None:
        lines = [fill(line, columns - 1, break_long_words=False, break_on_hyphens=False) for line in lines]
    return "\n".join(lines)


def os_sentence(error: OSError) -> str:
    """What the system refuses, and what to do."""
    reason = error.strerror or str(error)[:200]
    if error.filename is None:
        return f"the system refuses a read or a write, such as that of the output ({reason}); make room, or mend it"
    name = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else str(error.filename)
    return f"{name[:200]} cannot be used ({reason}); name another, or mend that"


def _descriptor() -> int | None:
    try:
        return sys.stderr.fileno()
    except (OSError, ValueError):
        return None


def _columns(descriptor: int | None) -> int | None:
    """The width of a terminal; None for all else, and where it is not known."""
    if descriptor is None:
        return None
    try:
        columns = os.get_terminal_size(descriptor).columns
    except OSError:
        return None
    return columns if columns > 1 else None

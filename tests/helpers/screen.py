"""What a terminal of a certain width shows of a command's output."""

import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ROWS = 50
PARTS = re.compile(r"\x1b\[(?P<numbers>[\d;?]*)(?P<what>[A-Za-z])|(?P<control>[\r\n])|(?P<text>[^\x1b\r\n]+)")


def shown(output: str, width: int) -> list[str]:
    """The lines of a screen that is `width` columns wide, after all of the output.

    Knows what rich writes: text, colours, lines deleted, the cursor moved up. A line that is longer goes on in the
    next, as on a terminal. Raises ValueError for a sequence that it does not know.
    """
    lines, y, x = [""], 0, 0
    for part in PARTS.finditer(output):
        if text := part["text"]:
            while text:
                if x == width:
                    y, x = y + 1, 0
                    lines += [""] * (y + 1 - len(lines))
                now, text = text[: width - x], text[width - x :]
                lines[y] = lines[y][:x].ljust(x) + now + lines[y][x + len(now) :]
                x += len(now)
        elif part["control"] == "\r":
            x = 0
        elif part["control"] == "\n":
            y += 1
            lines += [""] * (y + 1 - len(lines))
        elif part["what"] == "A":
            y = max(y - int(part["numbers"] or 1), 0)
        elif part["what"] == "K":
            lines[y] = ""
        elif part["what"] not in "mhl":
            raise ValueError(f"a terminal may do anything at {part[0]!r}")
    return [line.rstrip() for line in lines]


def start(command: Sequence[str], environment: Mapping[str, str], folder: Path, columns: int) -> tuple[int, int]:
    """Starts a command on a terminal of its own: its process id, and the terminal's file."""
    process, terminal = pty.fork()
    if process == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
        os.chdir(folder)
        os.execvpe(command[0], list(command), dict(environment))
    return process, terminal


def finish(process: int, terminal: int) -> tuple[int, str]:
    """Reads to the end: the exit code and the output."""
    output = b""
    with suppress(OSError):  # What Linux says when nobody holds the other side any more.
        while content := os.read(terminal, 65536):
            output += content
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), output.decode()


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path, columns: int) -> tuple[int, str]:
    """Runs a command on a terminal to its end: the exit code and the output."""
    return finish(*start(command, environment, folder, columns))

"""The end of the command's process."""

import atexit
import sys
from collections.abc import Callable
from contextlib import suppress


def end(command: Callable[[], None]) -> int:
    """Calls the command, does what Python does at the end of a process but the last step, and gives the exit code.

    What was registered to be done at the end is done, and what was printed is written. The interpreter is not taken
    down, for native threads that still run may enter it then: processes that had done all their work were seen to end
    by SIGABRT and SIGSEGV. So leave with `os._exit`.
    """
    code = _code_of(command)
    with suppress(Exception):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    return code


def _code_of(command: Callable[[], None]) -> int:
    try:
        command()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except Exception:  # noqa: BLE001 - the end of the process, where Python itself would show it
        sys.excepthook(*sys.exc_info())
        return 1
    return 0

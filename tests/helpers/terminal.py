"""A command on a terminal of its own."""

import os
import pty
import select
import time


class Terminal:
    def __init__(self, command, environment, folder="."):
        self.process, self.file = pty.fork()
        if self.process == 0:
            os.chdir(folder)
            os.execvpe(command[0], list(map(str, command)), environment)

    def type(self, keys, until, timeout=60.0):
        """Types keys, and waits until the terminal shows something; all that is new."""
        os.write(self.file, keys.encode())
        shown, end = "", time.monotonic() + timeout
        while until not in shown:
            ready, _, _ = select.select([self.file], [], [], max(end - time.monotonic(), 0))
            assert ready, f"{keys!r} gave {shown!r} in {timeout:g} s and not {until!r}"
            shown += os.read(self.file, 4096).decode()
        return shown

    def end(self, keys):
        """Types keys that end the command: its exit code and all that is new."""
        os.write(self.file, keys.encode())
        shown = ""
        try:
            while content := os.read(self.file, 4096):
                shown += content.decode()
        except OSError:  # What Linux says when nobody holds the other side any more.
            pass
        os.close(self.file)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1]), shown

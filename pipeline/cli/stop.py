"""Ctrl-C and SIGTERM: one sentence, the exit code of the signal, and no process left, at whatever moment they come."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from pipeline.console.messages import message

SIGNALS = {signal.SIGINT: "Ctrl-C (SIGINT)", signal.SIGTERM: "SIGTERM"}

GRACE_SECONDS = 10.0
"""Time in which a stopped command gives back what it holds. A second signal ends it at once."""

KEPT = {
    **dict.fromkeys(("run", "update", "demo"), "every block that was committed is kept, and the same command goes on"),
    "plan": "what was found so far is kept, and the same command goes on",
    "train": "its last saved state is kept if there is one, and the same command goes on",
    "rollback": "the versions are whole, and the same command completes it",
    "prune": "the versions are whole, and the same command completes it",
}


class Stopped(BaseException):
    """A signal asked the command to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def stoppable(arguments: list[str]) -> Iterator[None]:
    """Ends this process in order when it is signalled in the block; does nothing but in the main thread.

    A signal that the process was told to ignore stays ignored.
    """
    taken = [number for number in SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    if threading.current_thread() is not threading.main_thread() or not taken:
        yield
        return
    verb = next((word for word in arguments if not word.startswith("-")), "")
    watch = _Watch(KEPT.get(verb, "give the same command again"))
    handlers = {number: signal.signal(number, watch.interrupt) for number in taken}
    wakeup = signal.set_wakeup_fd(watch.write_end, warn_on_full_buffer=False)
    watch.thread.start()
    try:
        watch.listen()
        yield
        watch.ends = True
    except BaseException as error:
        watch.ends = True
        if isinstance(error, SystemExit) and error.code == signal.SIGTERM:  # Ray's own handler
            watch.number = watch.number or signal.SIGTERM
        if watch.number is None:
            raise
    finally:
        if watch.number is not None:
            watch.end()
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        watch.close()


class _Watch:
    """A thread that the interpreter tells of signals, also where the main thread is busy or handlers were replaced."""

    def __init__(self, kept: str) -> None:
        self.kept = kept
        self.number: int | None = None
        self.stderr, self.nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        self.read_end, self.write_end = os.pipe()
        os.set_blocking(self.write_end, False)
        self.thread = threading.Thread(target=self._listen, name="signals", daemon=True)
        self.ends = True
        self._ending = threading.Lock()

    def interrupt(self, number: int, frame: Any) -> None:
        """The handler: ends what the main thread does, once."""
        self._begin(number)
        if not self.ends:
            self.ends = True
            raise Stopped(number)

    def listen(self) -> None:
        """From here on a signal raises Stopped; raises it for one that has come before."""
        self.ends = False
        if self.number is not None:
            self.interrupt(self.number, None)

    def _begin(self, number: int) -> None:
        self.number = self.number or number
        # What libraries print while they are interrupted is no news.
        os.dup2(self.nowhere, 2)

    def _listen(self) -> None:
        timer = threading.Timer(GRACE_SECONDS, self.end)
        timer.daemon = True
        while byte := os.read(self.read_end, 1):
            if byte[0] not in SIGNALS:
                continue
            if timer.is_alive():
                self.end()
            self._begin(byte[0])
            timer.start()

    def end(self) -> NoReturn:
        """Ends all processes that this one has started, says what is kept, and exits. Never returns."""
        self._ending.acquire()
        number = self.number or signal.SIGINT
        with suppress(ImportError):
            from cluster.processes import end_descendants

            end_descendants()
        name = SIGNALS[signal.Signals(number)]
        show_cursor = "\x1b[?25h\n" if os.isatty(self.stderr) else ""
        with suppress(OSError, ValueError):
            told = message(f"stopped by {name}; {self.kept}", self.stderr)
            os.write(self.stderr, f"{show_cursor}{told}\n".encode())
            sys.stdout.flush()
        os._exit(128 + number)

    def close(self) -> None:
        os.close(self.write_end)
        self.thread.join()
        for end in (self.read_end, self.stderr, self.nowhere):
            os.close(end)

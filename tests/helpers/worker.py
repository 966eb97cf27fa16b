"""A worker that leaves a mark in a folder for each thing it does, so that tests can see across processes."""

import os
import threading
import time
from pathlib import Path

HANG_SECONDS = 60


class Worker:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.calls = 0
        self.guard, self.inside = threading.Lock(), 0
        self.mark("built")

    def mark(self, name):
        (self.folder / f"{name}-{os.getpid()}-{time.monotonic_ns()}").touch()

    def marked(self, name):
        return len(list(self.folder.glob(f"{name}-*")))

    def square(self, number):
        return number * number

    def tell(self, number):
        return number

    def together(self, number):
        """How many calls are under way at once, at most, while this one is."""
        with self.guard:
            self.inside += 1
        time.sleep(0.3)
        with self.guard:
            most = self.inside
        time.sleep(0.3)
        with self.guard:
            self.inside -= 1
        return most

    def hang_once(self, number):
        if number == 15 and not self.marked("hung"):
            self.mark("hung")
            time.sleep(HANG_SECONDS)
        return number

    def nap(self, number):
        time.sleep(0.1)
        return number

    def count(self, number):
        self.calls += 1
        return os.getpid(), self.calls

    def fail(self, number):
        self.mark(f"tried-{number}")
        if number % 3 == 0:
            raise ValueError(f"{number} is not\nwanted")
        return number

    def fail_twice(self, number):
        self.mark(f"tried-{number}")
        if self.marked(f"tried-{number}") < 3:
            raise OSError("not yet")
        return number

    def lock(self, number):
        return threading.Lock()

    def die_once(self, number):
        if number == 4 and not self.marked("died"):
            self.mark("died")
            self.die()
        return number

    def always_die(self, number):
        if number == 4:
            self.die()
        return number

    def die(self):
        """As memory that runs out does: a while after the answer before has left this process."""
        time.sleep(0.3)
        os._exit(1)

    def setting(self, name):
        return os.environ.get(name)


def unbuildable():
    raise RuntimeError("no weights here")

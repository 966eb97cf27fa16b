"""Functions that a Dask worker process must be able to import."""

import os
import signal
import sys
import time
from importlib import import_module
from pathlib import Path


def area(block):
    return {"area": block[0] * block[1]}


def refuse(block):
    raise ValueError(f"block {block} has no labels")


def need(module, block):
    import_module(module)


def die_once(mark, block):
    """`area`; the first process that is asked for block (7, 7) dies of it."""
    if block == (7, 7) and not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return area(block)


def die(block):
    os.kill(os.getpid(), signal.SIGKILL)


def mark_and_wait(folder, seconds, block):
    """Leaves a file of the process's number, and sleeps."""
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(seconds)
    return area(block)


def has_imported(module):
    return module in sys.modules

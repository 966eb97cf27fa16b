"""Windows cut into strips of rows that fit the processor's cache, each computed on one thread."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from pipeline.geometry.grid import Window

ROWS = 64


def row_strips(window: Window) -> Iterator[tuple[Window, slice]]:
    """The window in strips of at most 64 rows, and the rows of each in the window's arrays."""
    for y in range(window.y0, window.y1, ROWS):
        stop = min(y + ROWS, window.y1)
        yield Window(y, window.x0, stop, window.x1), slice(y - window.y0, stop - window.y0)


@contextmanager
def one_thread() -> Iterator[None]:
    """Limits torch to one thread: strips are too small to share, and scenes are processed side by side instead."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)

"""What a change model has said of the windows that it saw last: a window at the edge of a block is one of its neighbour
too."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from threading import Lock
from typing import Generic, TypeVar

from torch import Tensor

KEPT_BYTES = 64 * 2**20
"""Of the logits that are kept."""
KEPT_VERDICTS = 16_384
"""Of the scout, some hundred bytes each."""

Said = TypeVar("Said")


def key(before_CHW: Tensor, after_CHW: Tensor) -> bytes:
    """Equal for windows of which the same is said: that depends on both raw images alone.

    Processors have instructions for sha256, which make it the fastest of the safe ones.
    """
    content = sha256()
    for image_CHW in (before_CHW, after_CHW):
        content.update(image_CHW.cpu().contiguous().numpy().data)
    return content.digest()


def logits_kept(window: int) -> int:
    """How many windows of so many px a side `KEPT_BYTES` hold."""
    return KEPT_BYTES // (4 * window**2)


class Kept(Generic[Said]):
    """Of the last windows, at most `count`. Several threads may use it."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._said: OrderedDict[bytes, Said] = OrderedDict()
        self._lock = Lock()

    def get(self, key: bytes) -> Said | None:
        with self._lock:
            said = self._said.pop(key, None)
            if said is not None:
                self._said[key] = said
            return said

    def keep(self, key: bytes, said: Said) -> None:
        with self._lock:
            self._said[key] = said
            while len(self._said) > self._count:
                self._said.popitem(last=False)

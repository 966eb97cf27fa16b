"""The windows that a device has computed last, for the blocks beside which they lie: a window at the edge of a block is
one of its neighbour too."""

from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np

from idgbr.inference.tiling import Corner

KEPT_BYTES = 256 * 2**20
"""Of the scores that are kept."""

Key = tuple[str, Corner, bytes]


@dataclass(frozen=True, eq=False)
class RawWindow:
    """All that a window's scores depend on: the raw image, and the place of its top left pixel."""

    image_BHW: np.ndarray
    corner: Corner

    @cached_property
    def digest(self) -> bytes:
        """Of the image, computed once."""
        return sha256(np.ascontiguousarray(self.image_BHW).data).digest()


def key(stage: str, raw: RawWindow) -> Key:
    """Equal for windows whose scores are equal."""
    return stage, raw.corner, raw.digest


class KeptWindows:
    """Futures of the last `count` windows that were asked for, also while they are computed. Not thread-safe."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._futures: OrderedDict[Key, Future[Any]] = OrderedDict()

    def get(self, key: Key) -> Future[Any] | None:
        """None also where computing the window has failed."""
        future = self._futures.get(key)
        if future is None or (future.done() and future.exception() is not None):
            return None
        self._futures.move_to_end(key)
        return future

    def keep(self, key: Key, future: Future[Any]) -> None:
        self._futures[key] = future
        self._futures.move_to_end(key)
        while len(self._futures) > self._count:
            self._futures.popitem(last=False)

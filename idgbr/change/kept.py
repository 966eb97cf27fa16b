"""The logits of the windows that a change model has computed last: a window at the edge of a block is one of its
neighbour too."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from threading import Lock

from torch import Tensor

KEPT_BYTES = 64 * 2**20
"""Of the logits that are kept."""


def key(before_CHW: Tensor, after_CHW: Tensor) -> bytes:
    """Equal for windows whose logits are equal: they depend on both raw images alone."""
    content = blake2b(digest_size=16)
    for image_CHW in (before_CHW, after_CHW):
        content.update(image_CHW.cpu().contiguous().numpy().data)
    return content.digest()


class KeptLogits:
    """Of the last windows, as many as `KEPT_BYTES` hold of `window` px a side. Several threads may use it."""

    def __init__(self, window: int) -> None:
        self._count = KEPT_BYTES // (4 * window**2)
        self._logits: OrderedDict[bytes, Tensor] = OrderedDict()
        self._lock = Lock()

    def get(self, key: bytes) -> Tensor | None:
        with self._lock:
            logits_1HW = self._logits.pop(key, None)
            if logits_1HW is not None:
                self._logits[key] = logits_1HW
            return logits_1HW

    def keep(self, key: bytes, logits_1HW: Tensor) -> None:
        """In memory of its own, so that it keeps no others of its batch."""
        with self._lock:
            self._logits[key] = logits_1HW.clone()
            while len(self._logits) > self._count:
                self._logits.popitem(last=False)

"""Tiles as PNG."""

import zlib
from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image

FAST = {"compress_level": 1, "compress_type": zlib.Z_RLE}
"""Run lengths: of such pictures smaller than the deflate of the least level, and faster."""


def indexed_png(code_HW: np.ndarray, table: np.ndarray) -> bytes:
    """Codes (uint8) with the RGBA of each code, (256, 4)."""
    if not table[code_HW.ravel(), 3].any():
        return empty_png()
    image = Image.fromarray(code_HW)
    image.putpalette(table[:, :3].tobytes())
    return _encoded(image, transparency=table[:, 3].tobytes())


def rgba_png(rgba_HW4: np.ndarray) -> bytes:
    if not rgba_HW4[..., 3].any():
        return empty_png()
    opaque = bool(rgba_HW4[..., 3].all())
    return _encoded(Image.fromarray(np.ascontiguousarray(rgba_HW4[..., :3]) if opaque else rgba_HW4))


@lru_cache(maxsize=1)
def empty_png(side: int = 256) -> bytes:
    """A transparent tile."""
    image = Image.new("P", (side, side))
    image.putpalette(bytes(3))
    return _encoded(image, transparency=bytes(1))


def _encoded(image: Image.Image, **options: bytes) -> bytes:
    out = BytesIO()
    image.save(out, "png", **FAST, **options)
    return out.getvalue()

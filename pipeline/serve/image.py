"""Tiles as PNG."""

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image

FAST = 1
"""Level of deflate."""


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
    return _encoded(Image.fromarray(rgba_HW4))


@lru_cache(maxsize=1)
def empty_png(side: int = 256) -> bytes:
    """A transparent tile."""
    image = Image.new("P", (side, side))
    image.putpalette(bytes(3))
    return _encoded(image, transparency=bytes(1))


def _encoded(image: Image.Image, **options: bytes) -> bytes:
    out = BytesIO()
    image.save(out, "png", compress_level=FAST, **options)
    return out.getvalue()

"""Tiles as PNG."""

import zlib
from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image

from pipeline.analysis import png


def indexed_png(code_HW: np.ndarray, table: np.ndarray) -> bytes:
    """Codes (uint8) with the RGBA of each code, (256, 4)."""
    return png.indexed_png(code_HW, table) if table[code_HW.ravel(), 3].any() else empty_png()


def rgba_png(rgba_HW4: np.ndarray) -> bytes:
    if not rgba_HW4[..., 3].any():
        return empty_png()
    opaque = bool(rgba_HW4[..., 3].all())
    out = BytesIO()
    image = Image.fromarray(np.ascontiguousarray(rgba_HW4[..., :3]) if opaque else rgba_HW4)
    image.save(out, "png", compress_level=1, compress_type=zlib.Z_RLE)
    return out.getvalue()


@lru_cache(maxsize=1)
def empty_png(side: int = 256) -> bytes:
    """A transparent tile."""
    return png.indexed_png(np.zeros((side, side), np.uint8), np.zeros((256, 4), np.uint8))

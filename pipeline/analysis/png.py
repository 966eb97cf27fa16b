"""Pictures of at most 256 colours as PNG."""

import struct
import zlib

import numpy as np


def indexed_png(value_HW: np.ndarray, table: np.ndarray) -> bytes:
    """Values (uint8) with the RGBA of each, (256, 4), as a PNG (W3C Portable Network Graphics, colour type 3).

    Deflated as run lengths: of maps of classes smaller than at zlib's own level, and in a third of the time.
    """
    height, width = value_HW.shape
    lines = np.zeros((height, width + 1), np.uint8)
    lines[:, 1:] = value_HW
    packer = zlib.compressobj(1, strategy=zlib.Z_RLE)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", np.ascontiguousarray(table[:, :3]).tobytes()),
        (b"tRNS", np.ascontiguousarray(table[:, 3]).tobytes()),
        (b"IDAT", packer.compress(lines.tobytes()) + packer.flush()),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )

"""How a photograph is to be turned to be shown upright: the orientation that cameras write into its file."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

UPRIGHT = 1
ORIENTATION_TAG = 0x0112


def orientation(file: Path) -> int:
    """1..8 as in Exif 2.3 (tag 0x0112) of a JPEG, PNG or TIFF file; UPRIGHT where none is told."""
    with file.open("rb") as source:
        start = source.read(8)
        try:
            if start[:4] in (b"II*\0", b"MM\0*"):
                return _in_tiff(source, 0)
            blocks = _jpeg_segments(source) if start[:2] == b"\xff\xd8" else _png_chunks(source)
            if start[:2] != b"\xff\xd8" and start != b"\x89PNG\r\n\x1a\n":
                return UPRIGHT
            return next((_in_tiff(source, base) for base in blocks), UPRIGHT)
        except struct.error:
            return UPRIGHT


def _jpeg_segments(source: BinaryIO) -> Iterator[int]:
    """Where the Exif block of each APP1 segment begins, up to the pixels."""
    at = 2
    while True:
        source.seek(at)
        mark, kind, size = struct.unpack(">BBH", source.read(4))
        if mark != 0xFF or kind == 0xDA:
            return
        if kind == 0xE1 and source.read(6) == b"Exif\0\0":
            yield at + 10
        at += 2 + size


def _png_chunks(source: BinaryIO) -> Iterator[int]:
    """Where the content of each eXIf chunk begins."""
    at = 8
    while True:
        source.seek(at)
        size, kind = struct.unpack(">I4s", source.read(8))
        if kind == b"IEND":
            return
        if kind == b"eXIf":
            yield at + 8
        at += 12 + size


def _in_tiff(source: BinaryIO, base: int) -> int:
    """The tag in the first directory of the TIFF that begins at `base`."""
    source.seek(base)
    order = ">" if source.read(2) == b"MM" else "<"
    source.seek(base + 4)
    (directory,) = struct.unpack(f"{order}I", source.read(4))
    source.seek(base + directory)
    (count,) = struct.unpack(f"{order}H", source.read(2))
    for _ in range(count):
        tag, _kind, _count, value = struct.unpack(f"{order}HHIH2x", source.read(12))
        if tag == ORIENTATION_TAG:
            return int(value) if 1 <= value <= 8 else UPRIGHT
    return UPRIGHT

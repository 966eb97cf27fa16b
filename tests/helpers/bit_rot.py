"""Damage to the files of a cube's store."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def flipped_bit(path: Path, chance: random.Random) -> Iterator[None]:
    """One bit of a file is another while the block runs."""
    content = path.read_bytes()
    damaged = bytearray(content)
    damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    path.write_bytes(damaged)
    try:
        yield
    finally:
        path.write_bytes(content)


def flip_bit(path: Path, at: int = -20) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 16
    path.write_bytes(content)


def chunk_files(cube: Path, write) -> set[Path]:
    """The chunk files of a cube that `write` adds."""
    folder = cube / "store" / "chunks"
    before = set(folder.iterdir()) if folder.is_dir() else set()
    write()
    return set(folder.iterdir()) - before

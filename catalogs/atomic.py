"""Files that appear whole or not at all."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary path in the folder of `path`, which becomes `path` when the block ends; durable after a power loss.

    The temporary path ends in the name of `path`. The folder is made if need be. After an exception `path` is as it
    was, and the temporary file is gone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{os.getpid()}-{threading.get_ident()}.{path.name}")
    try:
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def is_draft(name: str) -> bool:
    """Whether a file's name is a temporary one of `atomic_write`, which stays where the process was killed."""
    return re.match(r"\.\d+-\d+\.", name) is not None

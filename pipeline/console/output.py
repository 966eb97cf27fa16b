"""Files that a command is asked to write: can it, before anything is computed, and did it."""

import os
from pathlib import Path

from pipeline.errors import UserError


def check_folder(file: Path) -> None:
    """Raises UserError unless the folder that a file is to be written in exists."""
    if not file.resolve().parent.is_dir():
        raise UserError(
            f"{file} cannot be written: there is no folder {file.resolve().parent}; make it or name another"
        )


def check_writable(file: Path) -> None:
    """Raises UserError, before anything is computed, if a file cannot be written there."""
    check_folder(file)
    if file.is_dir() or not os.access(file if file.exists() else file.resolve().parent, os.W_OK):
        raise UserError(f"{file} cannot be written; name a file that you may write")


def write_text(file: Path, text: str) -> None:
    """Raises UserError if it cannot be written."""
    try:
        file.write_text(text)
    except OSError as error:
        raise UserError(f"{file} cannot be written ({error.strerror}); make room or name another") from None

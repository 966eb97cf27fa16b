"""JSON text of typed results, and files that a command writes."""

import json
import os
from dataclasses import fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pipeline.errors import UserError


def to_json(value: Any, indent: int | None = None) -> str:
    """A typed result as JSON text.

    Dataclasses become objects by field name (`from_` becomes "from"), dates ISO 8601 text, paths text.
    """
    return json.dumps(_plain(value), indent=indent, allow_nan=False)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name.rstrip("_"): _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    return value


def from_here(location: object) -> str:
    """How a command or a script names a place: by its path from the working directory where it lies in there."""
    if not isinstance(location, Path) or not location.is_relative_to(Path.cwd()):
        return str(location)
    return os.path.relpath(location)


def check_folder(file: Path) -> None:
    """Raises UserError unless the folder of an output file exists."""
    if not file.resolve().parent.is_dir():
        raise UserError(
            f"{file} cannot be written: there is no folder {file.resolve().parent}; make it or name another"
        )


def check_writable(file: Path) -> None:
    """Raises UserError if an output file cannot be written. For use before a long computation."""
    check_folder(file)
    if file.is_dir() or not os.access(file if file.exists() else file.resolve().parent, os.W_OK):
        raise UserError(f"{file} cannot be written; name a file that you may write")


def write_text(file: Path, text: str) -> None:
    """Raises UserError if it cannot be written."""
    try:
        file.write_text(text)
    except OSError as error:
        raise UserError(f"{file} cannot be written ({error.strerror}); make room or name another") from None

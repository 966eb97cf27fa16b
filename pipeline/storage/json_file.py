"""Small JSON files of a cube, read as a type."""

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import RunError
from pipeline.storage.files import Files

T = TypeVar("T")


def read_json(files: Files, name: str, kind: type[T], if_deleted: str) -> T:
    """A JSON file of the cube as a value of `kind`, such as dict[str, str].

    Raises FileNotFoundError, and RunError for one that is damaged or holds anything else; `if_deleted` says what a run
    does without the file.
    """
    try:
        return TypeAdapter(kind).validate_json(files.read(name), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise RunError(
            f"{files.location}/{name} is damaged ({first['msg'][:100]}); restore it from a copy of the cube, or delete "
            f"it and run again: {if_deleted}"
        ) from None

"""Small JSON files of a cube, read as a type."""

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import RunError
from pipeline.storage.files import Files

T = TypeVar("T")


def read_json(files: Files, name: str, kind: type[T], if_deleted: str) -> T:
    """A JSON file of the cube as a value of `kind`, such as dict[str, str].

    Raises FileNotFoundError, and RunError for one that is damaged or holds anything else; `if_deleted` says what a run
    does without the file. One that lacks a key may be of another version of this system, and is told as that.
    """
    try:
        return TypeAdapter(kind).validate_json(files.read(name), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        state = f"damaged ({first['msg'][:100]}); restore it from a copy of the cube"
        if first["type"] == "missing":
            key = ".".join(map(str, first["loc"]))[:100]
            state = f"of another version of this system, or damaged (it lacks {key!r}); read it with that version"
        raise RunError(f"{files.location}/{name} is {state}, or delete it and run again: {if_deleted}") from None

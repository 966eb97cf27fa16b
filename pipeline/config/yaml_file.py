"""YAML files checked against a model: all errors at once, one line each, with line numbers."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from pipeline.config.document import parse, read_text
from pipeline.config.scalars import as_meant
from pipeline.errors import UserError

Key = tuple[str, ...]
"""A key of a file by the names that lead to it; items of lists by their number."""

LONGEST_VALUE = 80
MOST_ERRORS = 50


class Frozen(BaseModel):
    """Keys of a YAML file. RENAMED: the present name of each key that was renamed."""

    RENAMED: ClassVar[Mapping[str, str]] = {}

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _as_meant(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        fields = cls.model_fields.items()
        return values | {name: as_meant(field.annotation, values[name]) for name, field in fields if name in values}


Checked = TypeVar("Checked", bound=Frozen)


@dataclass
class YamlFile:
    """The values of a file, the same as they are written, its YAML nodes, and the errors found so far by key."""

    path: Path
    text: str
    values: dict[str, Any]
    written: dict[str, Any]
    nodes: Mapping[Key, yaml.Node]
    errors: dict[Key, str] = field(default_factory=dict)

    @contextmanager
    def errors_of(self, key: str) -> Iterator[None]:
        """Adds a ValueError of the block as an error of a top-level key, unless that key has one already."""
        try:
            yield
        except ValueError as error:
            self.errors.setdefault((key,), str(error))

    def where(self, key: Key) -> str:
        """The file's name and the line of a key; for a key that is not in the file, of what it belongs to."""
        while key and key not in self.nodes:
            key = key[:-1]
        return f"{self.path.name}:{self.nodes[key].start_mark.line + 1}" if key else self.path.name

    def line(self, key: Key) -> float:
        _, _, line = self.where(key).removeprefix(self.path.name).partition(":")
        return int(line) if line else float("inf")

    def value(self, key: Key) -> str:
        """A value as it is written in the file, a string in quotes."""
        node = self.nodes[key]
        if isinstance(node, yaml.ScalarNode):
            return repr(brief(node.value)) if node.tag.endswith(":str") else brief(node.value)
        return brief(" ".join(self.text[node.start_mark.index : node.end_mark.index].split()))


def brief(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]} ..."


def read(path: Path) -> YamlFile:
    """Reads a YAML file and replaces, in its values, `${NAME}` by the environment variable of that name, and `~/` at
    their start by the user's home folder. Raises UserError."""
    text = read_text(path)
    raw, root = parse(path.name, text)
    if not isinstance(raw, dict) or root is None:
        raise UserError(f"{path.name} holds no keys; it must be a YAML file of 'key: value' lines")
    file = YamlFile(path, text, {}, {str(name): value for name, value in raw.items()}, dict(_nodes(root, ())))
    file.values = {name: _expand(value, (name,), file.errors) for name, value in file.written.items()}
    return file


def checked(model: type[Checked], file: YamlFile) -> Checked:
    """The file's values as a `model`. Raises UserError with a line for each error, in the order of the file."""
    errors = {key: f"{file.where(key)}: {'.'.join(key)}: {message}" for key, message in file.errors.items()}
    result = None
    try:
        result = model.model_validate(file.values)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            key, sentence = _sentence(model, file, detail)
            follows = any(key[: len(known)] == known for known in file.errors)
            if not follows and not _has_old_name(model, file, detail["loc"]):
                errors.setdefault(key, sentence)
    if errors or result is None:
        lines = [errors[key] for key in sorted(errors, key=file.line)]
        more = [f"and {len(lines) - MOST_ERRORS} more errors"] if len(lines) > MOST_ERRORS else []
        raise UserError("\n".join(lines[:MOST_ERRORS] + more))
    return result


def _nodes(node: yaml.Node, key: Key) -> Iterator[tuple[Key, yaml.Node]]:
    """Every key and its node, those in aliases too: `parse` bounds their number."""
    yield key, node
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield from _nodes(value, (*key, str(name.value)))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _nodes(value, (*key, str(number)))


def _expand(value: Any, key: Key, errors: dict[Key, str]) -> Any:
    if isinstance(value, dict):
        return {name: _expand(item, (*key, str(name)), errors) for name, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, (*key, str(number)), errors) for number, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    for name in variables(value):
        if name not in os.environ:
            errors[key] = f"the environment variable {name} is not set; set it or write the path out"
    value = re.sub(r"\$\{(\w+)\}", lambda match: os.environ.get(match[1], match[0]), value)
    if value.startswith("~/"):
        try:
            return str(Path(value).expanduser())
        except RuntimeError:
            errors[key] = "this user has no home folder; write the path out"
    return value


def variables(value: Any) -> list[str]:
    """The names of the environment variables that stand in a value as it is written."""
    return re.findall(r"\$\{(\w+)\}", str(value))


def _sentence(model: type[Frozen], file: YamlFile, error: Any) -> tuple[Key, str]:
    """The key that a pydantic error is about, and the sentence about it."""
    kind, loc, name = error["type"], error["loc"], str(error["loc"][-1]) if error["loc"] else ""
    key = _key(file, loc)
    where = file.where(key)
    if kind == "missing" and not isinstance(loc[-1], int):
        known = _model(model, loc[:-1]).model_fields.get(name)
        hint = f" ({known.description})" if known and known.description else ""
        return (*key, name), f"{where} lacks the key '{'.'.join((*key, name))}'{hint}; add it"
    if kind == "union_tag_not_found":
        tag = error["ctx"]["discriminator"].strip("'")
        return (*key, tag), f"{where} lacks the key '{'.'.join((*key, tag))}'; add it"
    if kind == "union_tag_invalid":
        key = (*key, error["ctx"]["discriminator"].strip("'"))
        allowed = error["ctx"]["expected_tags"]
        return key, f"{file.where(key)}: {'.'.join(key)} is {file.value(key)}: must be one of {allowed}"
    if kind == "extra_forbidden":
        return key, f"{where}: {_unknown('.'.join(key), name, _model(model, loc[:-1]))}"
    message = error["msg"].removeprefix("Value error, ")
    if kind == "missing":
        message = "has too few values"
    if not key or key not in file.nodes:
        return key, f"{where}: {message}"
    if isinstance(file.nodes[key], yaml.MappingNode):
        return key, f"{where}: {'.'.join(key)}: {message}"
    return key, f"{where}: {'.'.join(key)} is {file.value(key)}: {message}"


def _has_old_name(model: type[Frozen], file: YamlFile, loc: tuple[int | str, ...]) -> bool:
    """Whether the file has the value of this place under an old name, which is an error of its own."""
    parent, names = _key(file, loc[:-1]), _model(model, loc[:-1]).RENAMED
    return any((*parent, old) in file.nodes for old, new in names.items() if loc and loc[-1] == new)


def _key(file: YamlFile, loc: tuple[int | str, ...]) -> Key:
    """The key of the file at a place that pydantic names, which also holds the choice made in each union."""
    key: Key = ()
    chosen_at: Key | None = None
    for part in map(str, loc):
        kind = file.nodes.get((*key, "kind"))
        if isinstance(kind, yaml.ScalarNode) and kind.value == part and chosen_at != key:
            chosen_at = key
        elif (*key, part) in file.nodes:
            key = (*key, part)
    return key


def _unknown(key: str, name: str, model: type[Frozen]) -> str:
    if name in model.RENAMED:
        return f"the key '{key}' is named '{model.RENAMED[name]}' now; rename it"
    key, nearest = brief(key), get_close_matches(name[:LONGEST_VALUE], model.model_fields, 1)
    if nearest:
        return f"unknown key '{key}'; did you mean '{nearest[0]}'?"
    return f"unknown key '{key}'; allowed are {', '.join(model.model_fields)}"


def _model(model: type[Frozen], loc: tuple[int | str, ...]) -> type[Frozen]:
    """The model of the keys at a place that pydantic names: of a union, the one whose `kind` is named there."""
    for part in loc:
        known = model.model_fields.get(str(part))
        if known is None:
            continue
        choices = _models_in(known.annotation)
        tags = {tag: c for c in choices for tag in get_args(_kind(c))}
        model = next((tags[tag] for tag in loc if tag in tags), choices[0] if choices else model)
    return model


def _models_in(annotation: Any) -> list[type[Frozen]]:
    """The models that a value may be, or that its items may be."""
    if _is_model(annotation):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _is_model(choice: Any) -> bool:
    return isinstance(choice, type) and issubclass(choice, Frozen)


def _kind(model: type[Frozen]) -> Any:
    known = model.model_fields.get("kind")
    return known.annotation if known else None

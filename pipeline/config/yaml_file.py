"""Files that people write: read as YAML, checked against a model, told off in one sentence."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import UserError


class Frozen(BaseModel):
    """Keys of a YAML file. RENAMED: names that keys had before, with those that they have now."""

    RENAMED: ClassVar[Mapping[str, str]] = {}

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


Checked = TypeVar("Checked", bound=Frozen)


def read(path: Path) -> dict[str, Any]:
    """The keys of a YAML file, `${NAME}` replaced by the environment variable of that name. Raises UserError."""
    try:
        raw = yaml.safe_load(path.read_text())
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror}); give the path of a YAML file") from None
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{path.name} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path.name} holds no keys; it must be a YAML file of 'key: value' lines")
    return {str(key): _expanded(value, path) for key, value in raw.items()}


def checked(model: type[Checked], raw: dict[str, Any], path: Path) -> Checked:
    """`raw` as a `model`. Raises UserError for the first thing wrong in it."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise UserError(_sentence(model, path, error)) from None


def _expanded(value: Any, path: Path) -> Any:
    if isinstance(value, dict):
        return {key: _expanded(item, path) for key, item in value.items()}
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise UserError(
                f"{path.name} uses ${{{match[1]}}}, but that environment variable is not set; set it "
                f"or write the path out"
            )
        return os.environ[match[1]]

    return re.sub(r"\$\{(\w+)\}", variable, value)


def _sentence(model: type[Frozen], path: Path, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        field = model.model_fields.get(key)
        hint = f" ({field.description})" if field and field.description else ""
        return f"{path.name} lacks the key '{key}'{hint}; add it"
    if first["type"] == "extra_forbidden":
        kind, name = _model(model, first["loc"][:-1]), str(first["loc"][-1])
        if name in kind.RENAMED:
            return f"{path.name} has the key '{key}', which is named '{kind.RENAMED[name]}' now; rename it"
        return f"{path.name} has the unknown key '{key}'; allowed are {', '.join(kind.model_fields)}"
    told = first["msg"].removeprefix("Value error, ")
    return f"{path.name}: {key} is {first['input']!r}: {told}" if key else f"{path.name}: {told}"


def _model(model: type[Frozen], where: tuple[int | str, ...]) -> type[Frozen]:
    """The model at a place of a model; at a choice of models (a union), the one named in `where`."""
    for key in where:
        field = model.model_fields.get(str(key))
        kind = field.annotation if field else None
        for choice in get_args(kind) or (kind,):
            if isinstance(choice, type) and issubclass(choice, Frozen):
                model = choice
                break
    return model

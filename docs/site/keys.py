"""Markdown tables of the keys of a YAML file, from the pydantic model that reads it."""

import re
from typing import Any

from pydantic import BaseModel

LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "multipleOf": "a multiple of {}",
}
KINDS = {
    "array": "list",
    "boolean": "true or false",
    "integer": "whole number",
    "null": "null",
    "number": "number",
    "object": "mapping",
    "string": "text",
}
FORMATS = {"date": "date", "date-time": "time", "path": "path"}


def keys_page(title: str, models: dict[str, type[BaseModel]]) -> str:
    """A page of files, by heading: a table of each file's keys, and of the sections that it has.

    A section is shown once, under the first file that has it. Raises ValueError for a key without a description.
    """
    lines, shown = [f"# {title}", ""], set[str]()
    for heading, model in models.items():
        schema = model.model_json_schema()
        sections = schema.pop("$defs", {})
        lines += [f"## {heading}", "", *_section(schema, sections)]
        for name in _names(schema, sections):
            if name not in shown:
                lines += [
                    f"### {_heading(name, sections)} {{ #{name.lower()} }}",
                    "",
                    *_section(sections[name], sections),
                ]
                shown.add(name)
    return "\n".join(lines) + "\n"


def _names(field: Any, sections: dict[str, Any]) -> list[str]:
    """The sections that a schema names, in their order, each followed by those that it names itself."""
    if isinstance(field, list):
        return list(dict.fromkeys(name for each in field for name in _names(each, sections)))
    if not isinstance(field, dict):
        return []
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return [name, *_names(sections[name], sections)]
    return _names([field[key] for key in field if key != "discriminator"], sections)


def _heading(name: str, sections: dict[str, Any]) -> str:
    """What a file calls a section: its kind, or else the end of its class's name goes."""
    kind = sections[name]["properties"].get("kind", {}).get("const")
    return f"kind: {kind}" if kind else re.sub(r"(?<!^)(?=[A-Z])", " ", name).removesuffix(" Settings").lower()


def _section(schema: dict[str, Any], sections: dict[str, Any]) -> list[str]:
    required = schema.get("required", [])
    lines = [schema["description"], ""] if "description" in schema else []
    lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
    for key, field in schema["properties"].items():
        if not _meaning(field, sections):
            raise ValueError(f"{schema['title']}.{key} has no description")
        default = "required" if key in required else _default(field, sections)
        lines.append(f"| `{key}` | {value_of(field, sections)} | {default} | {_meaning(field, sections)} |")
    return [*lines, ""]


def _meaning(field: dict[str, Any], sections: dict[str, Any]) -> str:
    told = field.get("description") or (_target(field, sections) or {}).get("description", "")
    return " ".join(told.split()).replace("|", r"\|")


def _target(field: dict[str, Any], sections: dict[str, Any]) -> dict[str, Any] | None:
    return sections[field["$ref"].rpartition("/")[2]] if "$ref" in field else None


def _default(field: dict[str, Any], sections: dict[str, Any]) -> str:
    if _target(field, sections) is not None:
        return "its own defaults"
    value = field.get("default")
    return "none" if value is None or value == [] or value == {} else f"`{value}`"


def value_of(field: dict[str, Any], sections: dict[str, Any]) -> str:
    """A schema in words; those in `sections` become links."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{_heading(name, sections)}](#{name.lower()})"
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    for several in ("anyOf", "oneOf"):
        if several in field:
            return " or ".join(dict.fromkeys(value_of(each, sections) for each in field[several]))
    kind = FORMATS.get(field.get("format", ""), KINDS.get(field.get("type", ""), "any value"))
    limits = [words.format(field[name]) for name, words in LIMITS.items() if name in field]
    if "prefixItems" in field:
        parts = ", ".join(value_of(each, sections) for each in field["prefixItems"])
        return f"[{parts}]"
    if isinstance(field.get("items"), dict):
        kind = f"{kind} of {value_of(field['items'], sections)}"
    if isinstance(field.get("additionalProperties"), dict):
        values = value_of(field["additionalProperties"], sections)
        kind = f"{kind} of ({values})" if " or " in values else f"{kind} of {values}"
    return ", ".join([kind, *limits])

"""What `--json` prints: the dataclass of each verb, its JSON schema, and the page that explains its fields."""

import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from keys import value_of
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

FILE = Path(__file__).parents[1] / "json-schemas.json"
LIST = "list of "
VERBS = {
    "accuracy": "pipeline.analysis.accuracy:AccuracyReport",
    "check": "pipeline.analysis.check:CheckReport",
    "demo": "pipeline.demo.first_act:DemoScores",
    "demo --second-act": "pipeline.demo.second_act:SecondAct",
    "detect-change": "pipeline.change.detect:Detected",
    "diff": "pipeline.analysis.diff:DifferenceReport",
    "discard": "pipeline.cli.edited:Discarded",
    "evaluate": "pipeline.training.evaluate:EvaluationReport",
    "evaluate --model CHANGE-MODEL": "pipeline.training.evaluate_change:ChangeReport",
    "export": "pipeline.export.target:Exported",
    "history": f"{LIST}pipeline.cube.history:HistoryEntry",
    "init": "pipeline.planning.draft:Draft",
    "join": "pipeline.continent.report:JoinReport",
    "plan": "pipeline.planning.describe:PlanDescription",
    "predict": "pipeline.prediction.predict:Predicted",
    "prune": "pipeline.cli.edited:PruneReport",
    "publish": "pipeline.cli.edited:Published",
    "query": "pipeline.analysis.point_result:PointResult",
    "reduce": "pipeline.analysis.reduce:Reduction",
    "rollback": "pipeline.cli.edited:RolledBack",
    "run": "pipeline.execution.report:Report",
    "sample": "pipeline.cli.sample:Drawn",
    "stats": "pipeline.analysis.stats:ZoneStats",
    "stats --from-period, --from-version": "pipeline.analysis.stats:ZoneChanges",
    "status": "pipeline.cube.status:Status",
    "tag": "pipeline.cli.edited:Tagged",
    "update": "pipeline.execution.report:Report",
    "update --dry-run": "pipeline.change.preview:UpdatePreview",
    "update --suggest-threshold": "pipeline.change.threshold:Suggestion",
}
"""The dataclass of what each verb prints; where options change it, each with those options."""


def schemas() -> dict[str, Any]:
    """One JSON Schema (2020-12): `verbs` has a schema for each verb, `$defs` the objects that they name."""
    adapters = [(verb, "serialization", TypeAdapter(_type(name))) for verb, name in VERBS.items()]
    made, inner = TypeAdapter.json_schemas(adapters, schema_generator=_Schemas)
    names = _short_names(inner["$defs"])
    text = json.dumps({"verbs": {verb: made[verb, "serialization"] for verb in VERBS}, "$defs": inner["$defs"]})
    text = re.sub(r"#/\$defs/(\w+)", lambda match: f"#/$defs/{names[match[1]]}", text)
    found = json.loads(text)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What the verbs of idgbr print with --json",
        "verbs": found["verbs"],
        "$defs": {names[name]: found["$defs"][name] for name in sorted(names, key=names.__getitem__)},
    }


def results_page() -> str:
    made = schemas()
    lines = [
        "# JSON of the verbs",
        "",
        "With `--json` a verb prints one object, or one list, for programs. A verb that fails prints "
        '`{"error": "one sentence"}` and its exit code is not 0. Keys are not renamed or removed without a line in the '
        "[changes](../changelog.md). As JSON Schema: [json-schemas.json](../json-schemas.json).",
        "",
        "| verb | prints |",
        "|---|---|",
        *(f"| `{verb}` | {value_of(schema, made['$defs'])} |" for verb, schema in made["verbs"].items()),
        "",
    ]
    for name, schema in made["$defs"].items():
        lines += [f"## {name} {{ #{name.lower()} }}", "", schema["description"], "", "| key | value | meaning |"]
        lines += ["|---|---|---|"]
        for key, field in schema["properties"].items():
            meaning = field.get("description", "").replace("|", r"\|")
            lines.append(f"| `{key}` | {value_of(field, made['$defs'])} | {meaning} |")
        lines.append("")
    return "\n".join(lines)


def told(kind: type) -> tuple[str, dict[str, str]]:
    """The description of a dataclass, and the meanings of its fields, also of those that it inherits.

    A docstring tells a meaning as "field: words." or "field, field: words."; a blank line ends it. Raises ValueError
    for a class without a description.
    """
    meanings: dict[str, str] = {}
    description = ""
    for each in reversed(kind.__mro__):
        if not is_dataclass(each):
            continue
        doc = each.__doc__ or ""
        one = rf"(?:{'|'.join(field.name for field in fields(each))})(?: \([^)]*\))?"
        start = re.compile(rf"(?:^|(?<=[.;:] )|(?<=; and )|(?<=, and ))({one}(?:(?:,| and) {one})*): ")
        free = []
        for paragraph in re.split(r"\n\s*\n", doc):
            before, *parts = start.split(" ".join(paragraph.split()))
            free.append(before)
            for named, words in zip(parts[::2], parts[1::2], strict=True):
                for name in re.split(r" and |, ", named):
                    meanings[name.split(" ")[0]] = _plain(words).removesuffix(" and").rstrip(".;,")
        description = _plain(" ".join(filter(None, map(str.strip, free))))
        if not description or doc.startswith(f"{each.__name__}("):
            raise ValueError(f"{each.__module__}.{each.__name__} has no docstring that says what it is")
    return description, meanings


def _plain(words: str) -> str:
    return re.sub(r"\bNone\b", "null", words.strip())


def _type(name: str) -> Any:
    kind = resolve_name(name.removeprefix(LIST))
    return list[kind] if name.startswith(LIST) else kind


def _short_names(definitions: dict[str, Any]) -> dict[str, str]:
    """Pydantic's names of dataclasses, which have the module where two are alike: the shortest that tell them apart."""
    parts = {name: name.split("__") for name in definitions}
    ends = [each[-1] for each in parts.values()]
    return {
        name: each[-1] if ends.count(each[-1]) == 1 else each[-2].title().replace("_", "") + each[-1]
        for name, each in parts.items()
    }


class _Schemas(GenerateJsonSchema):
    """Dataclasses with their keys as they are printed, and what their docstrings tell."""

    def dataclass_schema(self, schema: Any) -> dict[str, Any]:
        found = super().dataclass_schema(schema)["properties"]
        description, meanings = told(schema["cls"])
        properties = {}
        for field, content in found.items():
            plain = {key: value for key, value in content.items() if key not in ("title", "default")}
            properties[field.rstrip("_")] = plain | ({"description": meanings[field]} if field in meanings else {})
        return {
            "type": "object",
            "description": description,
            "properties": properties,
            "required": list(properties),
        }


if __name__ == "__main__":
    FILE.write_text(json.dumps(schemas(), indent=1) + "\n")

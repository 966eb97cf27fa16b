"""Decisions about doubtful reflectance offsets, as JSON in the cube."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pipeline.storage.files import Files
from pipeline.storage.json_file import read_json


@dataclass(frozen=True)
class OffsetDecision:
    """`offset`: reflectance to add, None if it cannot be decided. `why`: one sentence for the report."""

    offset: float | None
    why: str


def read_decisions(files: Files, name: str) -> dict[str, OffsetDecision]:
    """The decisions of the file `name` in the cube, by scene digest. Raises what `read_json` raises."""
    return read_json(files, name, dict[str, OffsetDecision], "offsets in doubt are decided again by the scenes' pixels")


def write_decisions(files: Files, name: str, decisions: Mapping[str, OffsetDecision]) -> None:
    """Writes decisions, by scene digest, to the file `name` in the cube."""
    content = {digest: asdict(decisions[digest]) for digest in sorted(decisions)}
    files.write(name, json.dumps(content, indent=1) + "\n")

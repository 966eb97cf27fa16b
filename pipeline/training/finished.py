"""Trainings that are finished: the same recipe on the same data is not trained again unasked."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

Scores = TypeVar("Scores")


@dataclass(frozen=True)
class Training:
    """What decides a training: its record, as in training.json, and a digest of its pairs and of those it is scored on.

    name: of the network that is trained. files: patterns of what it made, and stands on, in the model folder.
    """

    model: Path
    name: str
    files: tuple[str, ...]
    record: dict[str, Any]
    data: str

    @property
    def file(self) -> Path:
        return self.model / f"{self.name}.finished.json"

    @property
    def weights(self) -> str:
        """sha256 of the files."""
        total = hashlib.sha256()
        for pattern in self.files:
            for path in sorted(self.model.glob(pattern)):
                total.update(str(path.relative_to(self.model)).encode() + path.read_bytes())
        return total.hexdigest()

    def finish(self, scores: Any) -> None:
        """Keeps that it is finished, with its scores."""
        text = json.dumps({**self._state(), "scores": TypeAdapter(type(scores)).dump_python(scores, mode="json")})
        draft = self.file.with_suffix(".draft")
        draft.write_text(text + "\n")
        draft.replace(self.file)

    def scores(self, kind: type[Scores]) -> Scores | None:
        """The scores if it is finished and its weights are still those; else None."""
        try:
            kept = json.loads(self.file.read_text())
            scores = TypeAdapter(kind).validate_python(kept.pop("scores"))
        except (OSError, ValueError, LookupError, AttributeError, ValidationError):
            return None
        return scores if kept == self._state() else None

    def _state(self) -> dict[str, Any]:
        plain: dict[str, Any] = json.loads(json.dumps({"record": self.record, "data": self.data}))
        return plain | {"weights": self.weights}


def data_digest(pairs: Iterable[Sequence[np.ndarray]]) -> str:
    """sha256 of arrays, their types and shapes."""
    total = hashlib.sha256()
    for pair in pairs:
        for array in pair:
            total.update(f"{array.dtype} {array.shape}".encode())
            total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()

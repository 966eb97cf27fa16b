"""How the labels of a training are shared among its classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.errors import UserError
from pipeline.training.pair import Pair

RARE = 0.001
"""Share of the labels below which a class is hardly learnt."""


@dataclass(frozen=True)
class ClassBalance:
    """Labelled pixels of a class, to train on and kept out; share: of all that are trained on."""

    code: int
    name: str
    training: int
    validation: int
    share: float

    @property
    def rare(self) -> bool:
        return self.share < RARE


def class_balance(
    training: Sequence[Pair], validation: Sequence[Pair], classes: Sequence[Mapping[str, Any]]
) -> list[ClassBalance]:
    """A row for each class. Raises UserError where there are no labels to train on, or none kept out."""
    counts = [sum((_counts(label_HW) for _, label_HW in pairs), np.zeros(256, int)) for pairs in (training, validation)]
    codes = [row["code"] for row in classes]
    total, kept = (int(count[codes].sum()) for count in counts)
    if not total or not kept:
        what = "to train on" if not total else "kept out of training"
        raise UserError(f"none of the pixels {what} has a label; see the areas and the split of the recipe")
    return [
        ClassBalance(row["code"], row["name"], int(counts[0][code]), int(counts[1][code]), counts[0][code] / total)
        for row, code in zip(classes, codes, strict=True)
    ]


def describe_balance(rows: Sequence[ClassBalance]) -> str:
    """One line for each class, the largest first, with a word on those that are hardly learnt."""
    width = max(len(row.name) for row in rows)
    lines = []
    for row in sorted(rows, key=lambda row: -row.training):
        note = "" if not row.rare else "  none to learn from" if not row.training else "  hardly any"
        lines.append(
            f"{row.name:<{width}}  {row.share:6.1%} of {row.training:>11,} px, {row.validation:>10,} kept out{note}"
        )
    return "\n".join(lines)


def _counts(label_HW: np.ndarray) -> np.ndarray:
    return np.bincount(label_HW.ravel(), minlength=256)

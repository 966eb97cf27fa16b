"""What a trained model needs to know of its data, and how it is run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idgbr.errors import InputError
from idgbr.labels import ClassRow

UNLABELLED = 255
"""Class index of a pixel without a label."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The content of `model_index.json`.

    classes: row k belongs to network output k. bands: names in input order. mean, std: of each band, in raw numbers.
    window, overlap: px of the sliding window. steps: of refinement. seed: of its noise.
    radius: px around a coarse boundary that may be refined. threshold: coarse margin below which a pixel may be.
    batch: windows computed at once, always; part of the result, as sums differ in the last bit between batch sizes.
    """

    classes: tuple[ClassRow, ...]
    bands: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    window: int = 256
    overlap: int = 64
    steps: int = 2
    seed: int = 0
    radius: int = 4
    threshold: float = 0.5
    batch: int = 4

    def __post_init__(self) -> None:
        for row in self.classes:
            if not isinstance(row.get("name"), str) or not re.fullmatch("#[0-9a-fA-F]{6}", str(row.get("color"))):
                raise InputError(f"a class needs a code, a name and a color such as #006400, not {row}")
        check_codes(self.codes)
        if not len(self.bands) == len(self.mean) == len(self.std) > 0:
            raise InputError(
                f"{len(self.bands)} bands need one mean and one std each, not {len(self.mean)} and {len(self.std)}"
            )
        if min(self.std) <= 0:
            raise InputError(f"every std must be above 0, not {self.std}")
        if self.window < 16 or self.window % 16:
            raise InputError(f"window must be a positive multiple of 16 px, not {self.window}")
        if not 0 <= 2 * self.overlap <= self.window:
            raise InputError(f"overlap must be in 0..{self.window // 2} px, half of the window, not {self.overlap}")
        if self.steps < 1 or self.batch < 1:
            raise InputError(f"steps and batch must be at least 1, not {self.steps} and {self.batch}")
        if self.radius < 0 or not 0 <= self.threshold <= 1:
            raise InputError(f"radius must be >= 0 and threshold in 0..1, not {self.radius} and {self.threshold}")

    @property
    def codes(self) -> tuple[int, ...]:
        """Label value of each network output."""
        return tuple(row["code"] for row in self.classes)


def read_settings(content: dict[str, Any]) -> Settings:
    """Settings from a JSON object, whose lists become tuples."""
    return Settings(**{key: _frozen(value) for key, value in content.items()})


def check_codes(codes: tuple[int, ...]) -> None:
    """InputError unless there are at least two different codes, all in 1..255."""
    if len(codes) < 2 or len(set(codes)) < len(codes) or not all(1 <= code <= 255 for code in codes):
        raise InputError(
            f"a class table needs at least 2 different codes in 1..255 (0 means no data), not {list(codes)}"
        )


def class_index(label_HW: NDArray[np.uint8], codes: tuple[int, ...]) -> NDArray[np.uint8]:
    """Index 0..K-1 of each class code, UNLABELLED for 0; any other value is an InputError. Leading axes are allowed."""
    index_of = np.full(256, UNLABELLED, np.uint8)
    index_of[list(codes)] = np.arange(len(codes))
    strange = set(np.unique(label_HW).tolist()) - {0, *codes}
    if strange:
        raise InputError(f"labels hold {sorted(strange)}, but the class table has {list(codes)} and 0 for no label")
    return index_of[label_HW]


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value

"""What a trained change model needs to know of its data, and how it is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from idgbr.errors import InputError
from idgbr.settings import MAX_BATCH_PIXELS, MAX_WINDOW, Precision
from idgbr.values import FLOAT32_MAX, FLOAT32_TINY, check_choice, check_number, check_whole, check_words, short

MULTIPLE = 16


@dataclass(frozen=True, kw_only=True)
class ChangeSettings:
    """The content of a change model's `model_index.json`.

    bands: names in input order, of each date. before_mean, before_std, after_mean, after_std: of each band and date, in
    raw numbers. window, overlap: px of the sliding window. threshold: probability above which a pixel counts as
    changed. precision, batch, blank: see `idgbr.settings.Settings`.
    """

    bands: tuple[str, ...]
    before_mean: tuple[float, ...]
    before_std: tuple[float, ...]
    after_mean: tuple[float, ...]
    after_std: tuple[float, ...]
    window: int = 256
    overlap: int = 32
    threshold: float = 0.5
    precision: Precision = "fp32"
    batch: int = 1
    blank: float | None = 0.0

    def __post_init__(self) -> None:
        check_words("bands", self.bands)
        for name in ("before_mean", "before_std", "after_mean", "after_std"):
            values = getattr(self, name)
            if not isinstance(values, list | tuple) or len(values) != len(self.bands):
                raise InputError(f"{len(self.bands)} bands need one {name} each, not {short(values)}")
            for value in values:
                check_number(f"every {name}", value, FLOAT32_TINY if name.endswith("std") else -FLOAT32_MAX)
        check_whole("window", self.window, MULTIPLE, MAX_WINDOW)
        if self.window % MULTIPLE:
            raise InputError(f"window must be a multiple of {MULTIPLE} px, not {self.window}")
        check_whole("overlap", self.overlap, 0, self.window // 2)
        check_number("threshold", self.threshold, 0, 1)
        check_choice("precision", self.precision, get_args(Precision))
        check_whole("batch", self.batch, 1, MAX_BATCH_PIXELS // self.window**2)
        if self.blank is not None:
            check_number("blank", self.blank)


def read_settings(content: Mapping[str, Any]) -> ChangeSettings:
    """Settings from a JSON object, whose lists become tuples."""
    values: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in content.items()}
    return ChangeSettings(**values)

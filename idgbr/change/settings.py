"""What a trained change model needs to know of its data, and how it is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idgbr.settings import Precision, check_bands, check_windows
from idgbr.values import check_number


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
        check_bands(
            self.bands,
            before_mean=self.before_mean,
            before_std=self.before_std,
            after_mean=self.after_mean,
            after_std=self.after_std,
        )
        check_windows(self.window, self.overlap, self.batch, self.precision, self.blank)
        check_number("threshold", self.threshold, 0, 1)


def read_settings(content: Mapping[str, Any]) -> ChangeSettings:
    """Settings from a JSON object, whose lists become tuples."""
    values: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in content.items()}
    return ChangeSettings(**values)

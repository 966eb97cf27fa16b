"""Intervals of the true area of a class, by the errors of its mapped area on ground that a model was not trained on."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class AreaErrors:
    """by_code: of each class, between which numbers its true area less the mapped one lies in 95 % of squares of
    `side` px, as shares of the square."""

    by_code: Mapping[int, tuple[float, float]]
    side: int

    def interval(
        self, code: int, hectares: float, mapped_hectares: float, pixel_hectares: float
    ) -> tuple[float, float] | None:
        """Hectares of a class, low and high, in a zone in which so many are mapped.

        In a larger zone than a square errors even out, so the interval holds the truth more often; None for a smaller
        one, in which they may be larger.
        """
        if mapped_hectares < self.side**2 * pixel_hectares:
            return None
        low, high = (hectares + share * mapped_hectares for share in self.by_code[code])
        return min(max(low, 0.0), mapped_hectares), min(max(high, 0.0), mapped_hectares)

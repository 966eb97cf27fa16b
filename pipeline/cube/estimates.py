"""What a sample says of a map, as the cube keeps it: values with their intervals."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A value, its standard error, and its 95 % interval.

    Of an area: the normal approximation, from 0. Of a share: the score interval of Wilson at the effective sample size,
    which is not symmetric near 0 and 1.
    """

    value: float
    standard_error: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"


@dataclass(frozen=True)
class ClassAccuracy:
    """One class. users, producers: accuracies from 0 to 1, None where the sample has no unit that tells of them.

    area: by the reference labels, in the unit of the sample units' areas. share: of the area of all strata.
    mapped, reference: number of units of that class in the map and in the reference.
    """

    name: str
    users: Estimate | None
    producers: Estimate | None
    area: Estimate
    share: Estimate
    mapped: int
    reference: int

"""Estimators of a map's accuracy and of class areas from a stratified random sample.

All are the combined ratio estimator of Stehman (2014, International Journal of Remote Sensing 35, 4923-4939), which
holds whether or not the strata are the classes of the map that is judged. Where they are, and without the finite
population correction, it gives equations 1 to 11 of Olofsson et al. (2014, Remote Sensing of Environment 148, 42-57).
Sample units weigh as their areas, for grids that are not equal-area (Tyukavina et al. 2025, Remote Sensing of
Environment 324, 114714, equal-probability sampling).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.cube.estimates import ClassAccuracy, Estimate

Z95 = 1.96
"""Standard errors on either side of a 95 % interval, as those papers have it."""
ROUNDING = 1e-10
"""How far, relatively, equal values of a stratum may be from their mean by rounding alone."""


@dataclass(frozen=True)
class Accuracy:
    """Accuracy of a map. counts: units; shares: estimated share of the area; both by map class, then reference class.

    Units that the map gives no class count as errors and are in none of the two.
    """

    units: int
    overall: Estimate
    classes: list[ClassAccuracy]
    counts: list[list[int]]
    shares: list[list[float]]


class _Sample:
    """Totals over strata, and ratios of totals, of values of sampled units.

    stratum_N: index of each unit's stratum. size_S: number of units of each stratum, or its weight. finite: whether
    strata are finite populations, of which a full count has no error.
    """

    def __init__(self, stratum_N: np.ndarray, size_S: np.ndarray, finite: bool) -> None:
        self._stratum_N, self._size_S = stratum_N, np.asarray(size_S, np.float64)
        self._n_S = np.bincount(stratum_N, minlength=len(size_S))
        sampled = self._size_S > 0
        whole_S = (self._n_S == self._size_S) & finite
        if bad := np.flatnonzero(sampled & (self._n_S < 2) & ~whole_S).tolist():
            raise ValueError(f"strata {bad} have fewer than 2 units, which tell no variance")
        unsampled_S = 1 - self._n_S / np.where(sampled, self._size_S, 1) if finite else np.ones(len(size_S))
        self._factor_S = self._size_S**2 * unsampled_S / np.maximum(self._n_S, 1) / np.maximum(self._n_S - 1, 1)

    def total(self, value_N: np.ndarray) -> float:
        return float((self._size_S * self._mean_S(value_N)).sum())

    def standard_error(self, value_N: np.ndarray, scale_N: np.ndarray) -> float:
        """Of a total of values that were reckoned from values of the size of `scale_N`."""
        sum_S = self._squares_S(value_N - self._mean_S(value_N)[self._stratum_N])
        sum_S[sum_S < ROUNDING**2 * self._squares_S(scale_N)] = 0
        return math.sqrt(max(float((self._factor_S * sum_S).sum()), 0.0))

    def area(self, value_N: np.ndarray) -> Estimate:
        value, error = self.total(value_N), self.standard_error(value_N, value_N)
        return Estimate(value, error, max(value - Z95 * error, 0.0), value + Z95 * error)

    def ratio(self, part_N: np.ndarray, whole_N: np.ndarray) -> Estimate | None:
        """The ratio of two totals, a share; None where the sample has nothing of the whole.

        The effective sample size is that of a simple random sample of this variance (Korn and Graubard 1998, Survey
        Methodology 24, 193-201; with Wilson's interval: Franco et al. 2019, Journal of Survey Statistics and
        Methodology 7, 334-364). Where all units agree it is their number, but for strata that are counted whole.
        """
        whole = self.total(whole_N)
        if whole == 0:
            return None
        value = self.total(part_N) / whole
        error = self.standard_error(part_N - value * whole_N, whole_N) / whole
        if error > 0:
            size = value * (1 - value) / error**2
        else:
            size = float(((whole_N != 0) & (self._factor_S > 0)[self._stratum_N]).sum())
        return Estimate(value, error, *(wilson(value, size) if size else (value, value)))

    def _mean_S(self, value_N: np.ndarray) -> np.ndarray:
        return self._sum_S(value_N) / np.maximum(self._n_S, 1)

    def _squares_S(self, value_N: np.ndarray) -> np.ndarray:
        return self._sum_S(value_N**2)

    def _sum_S(self, value_N: np.ndarray) -> np.ndarray:
        sum_S: np.ndarray = np.bincount(self._stratum_N, value_N, minlength=len(self._size_S))
        return sum_S


def wilson(share: float, size: float) -> tuple[float, float]:
    """The 95 % score interval of a share of a sample of `size` units (Wilson 1927)."""
    square = Z95**2
    middle = (share + square / (2 * size)) / (1 + square / size)
    half = Z95 / (1 + square / size) * math.sqrt(max(share * (1 - share), 0.0) / size + square / (4 * size**2))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def assess(
    stratum_N: np.ndarray,
    map_N: np.ndarray,
    reference_N: np.ndarray,
    size_S: np.ndarray,
    names: Sequence[str],
    area_N: np.ndarray | float = 1.0,
    domain_N: np.ndarray | None = None,
    finite: bool = True,
) -> Accuracy:
    """Accuracy and class areas from a stratified random sample of N units.

    stratum_N: index into size_S. map_N, reference_N: index into `names`; map_N -1 = the map has no class there. size_S:
    units of each stratum, or its share of all of them where `finite` is False. area_N: area of each unit. domain_N:
    whether a unit lies in the part of the map that is asked for; its units alone are counted, and all of the sample
    gives the variance (Cochran 1977, Sampling Techniques, section 5A.14).

    Raises ValueError where a stratum has fewer than 2 units and is not counted whole, or the domain has no unit.
    """
    inside_N = np.ones(len(stratum_N), bool) if domain_N is None else domain_N
    if not inside_N.any():
        raise ValueError("no unit of the sample lies in the domain")
    sample = _Sample(stratum_N, size_S, finite)
    unit_N = np.where(inside_N, area_N, 0.0)
    mapped_KN, reference_KN = (np.arange(len(names))[:, None] == code_N for code_N in (map_N, reference_N))
    both_KN = mapped_KN & reference_KN
    counts_KK = (mapped_KN & inside_N).astype(int) @ reference_KN.T.astype(int)
    all_ = sample.total(unit_N)
    overall = sample.ratio(unit_N * both_KN.any(0), unit_N)
    shares = [sample.ratio(unit_N * of_N, unit_N) for of_N in reference_KN]
    assert overall is not None
    classes = [
        ClassAccuracy(
            name,
            users=sample.ratio(unit_N * both_KN[k], unit_N * mapped_KN[k]),
            producers=sample.ratio(unit_N * both_KN[k], unit_N * reference_KN[k]),
            area=sample.area(unit_N * reference_KN[k]),
            share=share,
            mapped=int((mapped_KN[k] & inside_N).sum()),
            reference=int((reference_KN[k] & inside_N).sum()),
        )
        for k, (name, share) in enumerate(zip(names, shares, strict=True))
        if share is not None
    ]
    cells = [[sample.total(unit_N * (m_N & r_N)) / all_ for r_N in reference_KN] for m_N in mapped_KN]
    return Accuracy(int(inside_N.sum()), overall, classes, counts_KK.tolist(), cells)


def total(value_N: np.ndarray, stratum_N: np.ndarray, size_S: np.ndarray) -> Estimate:
    """Total of a value over strata that are finite populations, from a stratified random sample of N units.

    stratum_N: index into size_S, the units of each stratum. Raises ValueError where a stratum has fewer than 2 units
    and is not counted whole.
    """
    return _Sample(stratum_N, size_S, finite=True).area(value_N)


def ratio(part_N: np.ndarray, whole_N: np.ndarray, stratum_N: np.ndarray, size_S: np.ndarray) -> Estimate | None:
    """Ratio of the totals of two values; None where the sample has nothing of the whole. As `total` otherwise."""
    return _Sample(stratum_N, size_S, finite=True).ratio(part_N, whole_N)

"""Agreement of class boundaries. Neither the array's edge nor an ignored pixel makes a boundary.

Every score is a class that holds pixel counts, so that those of several images can be added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from idgbr.distance import squared_distance
from idgbr.metrics.arrays import Counts, Labels, Mask, Scores, check, grown, mean, ratio


@dataclass(frozen=True)
class BoundaryIoU:
    """Boundary IoU (Cheng et al. 2021, eq. 1).

    A mask's boundary region is its pixels within `radius` px (Chebyshev) of a pixel that is not of the mask.
    counts_K2: of each class, the pixels in both boundary regions, and in either.
    """

    counts_K2: Counts

    @classmethod
    def of(cls, true: Labels, pred: Labels, codes: Sequence[int], radius: int, ignore: int = 0) -> Self:
        """Of one pair of maps. Raises InputError for maps of different shape."""
        check(true, pred)
        scored = true != ignore
        rows = []
        for code in codes:
            true_edge, pred_edge = (_inner_edge(label == code, scored, radius) for label in (true, pred))
            rows.append([np.count_nonzero(true_edge & pred_edge), np.count_nonzero(true_edge | pred_edge)])
        return cls(np.array(rows, np.int64))

    def __add__(self, other: Self) -> Self:
        return type(self)(self.counts_K2 + other.counts_K2)

    @property
    def by_class(self) -> Scores:
        """nan for a class that has no boundary in either map."""
        return ratio(self.counts_K2[:, 0], self.counts_K2[:, 1])

    @property
    def mean(self) -> float:
        """Over the classes that have a boundary in either map; nan if none has."""
        return mean(self.by_class)


@dataclass(frozen=True)
class BoundaryF1:
    """Boundary F1 (Csurka et al. 2013, section 3).

    The contour of a class is its pixels that touch (8 neighbours) a pixel of another class. A contour pixel is matched
    if the other map's contour lies within `tolerance` px (Euclidean).
    counts_K4: of each class, the predicted contour pixels matched, all predicted, the true ones matched, all true.
    """

    counts_K4: Counts

    @classmethod
    def of(cls, true: Labels, pred: Labels, codes: Sequence[int], tolerance: int, ignore: int = 0) -> Self:
        """Of one pair of maps. Raises InputError for maps of different shape."""
        return cls.at(true, pred, codes, (tolerance,), ignore)[0]

    @classmethod
    def at(
        cls, true: Labels, pred: Labels, codes: Sequence[int], tolerances: Sequence[int], ignore: int = 0
    ) -> tuple[Self, ...]:
        """`of` at several tolerances, from one computation of distances."""
        check(true, pred)
        scored = true != ignore
        reach = max(tolerances)
        counts_TK4 = np.zeros((len(tolerances), len(codes), 4), np.int64)
        for counts_T4, code in zip(counts_TK4.swapaxes(0, 1), codes, strict=True):
            true_edge, pred_edge = (_inner_edge(label == code, scored, 1) for label in (true, pred))
            from_true_N = squared_distance(true_edge, reach)[pred_edge]
            from_pred_N = squared_distance(pred_edge, reach)[true_edge]
            for counts_4, tolerance in zip(counts_T4, tolerances, strict=True):
                counts_4[:] = (
                    np.count_nonzero(from_true_N <= tolerance**2),
                    from_true_N.size,
                    np.count_nonzero(from_pred_N <= tolerance**2),
                    from_pred_N.size,
                )
        return tuple(cls(counts_K4) for counts_K4 in counts_TK4)

    def __add__(self, other: Self) -> Self:
        return type(self)(self.counts_K4 + other.counts_K4)

    @property
    def by_class(self) -> Scores:
        """nan for a class that has no contour in either map."""
        hit_pred_K, pred_K, hit_true_K, true_K = self.counts_K4.T
        precision_K = hit_pred_K / np.maximum(pred_K, 1)
        recall_K = hit_true_K / np.maximum(true_K, 1)
        f1_K = 2 * precision_K * recall_K / np.maximum(precision_K + recall_K, np.finfo(np.float64).tiny)
        return np.where(pred_K + true_K > 0, f1_K, np.nan)

    @property
    def mean(self) -> float:
        """Over the classes that have a contour in either map; nan where the truth has none at all, as labels have whose
        classes do not touch: what was not labelled cannot be missed."""
        return mean(self.by_class) if self.counts_K4[:, 3].any() else float("nan")


@dataclass(frozen=True)
class BoundaryAccuracy:
    """Mean boundary accuracy (Cheng et al. 2020, CascadePSP, arXiv 2005.02551, section 4).

    Around the true boundary of a class, within each of R radii, the share of pixels on which both maps agree whether
    they are of the class. Within a radius of r px means r px (Euclidean) from a pixel on the other side.
    counts_KR2: of each class and radius, the pixels agreed on, and all around the boundary.
    """

    counts_KR2: Counts

    @classmethod
    def of(
        cls, true: Labels, pred: Labels, codes: Sequence[int], radii: Sequence[int] | None = None, ignore: int = 0
    ) -> Self:
        """Of one pair of maps; radii: `accuracy_radii` of the map if None. InputError for maps of different shape."""
        check(true, pred)
        radii = accuracy_radii(true.shape) if radii is None else radii
        reach = max(radii)
        scored = true != ignore
        rows = []
        for code in codes:
            of_class = true == code
            across = np.where(
                of_class, squared_distance(scored & ~of_class, reach), squared_distance(scored & of_class, reach)
            )
            around_N = scored & (across <= reach**2)
            right_N = ((pred == code) == of_class)[around_N]
            across_N = across[around_N]
            within = [across_N <= radius**2 for radius in radii]
            rows.append([[np.count_nonzero(right_N & near_N), np.count_nonzero(near_N)] for near_N in within])
        return cls(np.array(rows, np.int64))

    def __add__(self, other: Self) -> Self:
        return type(self)(self.counts_KR2 + other.counts_KR2)

    @property
    def by_class(self) -> Scores:
        """Mean over the radii; nan for a class without true boundary."""
        return ratio(self.counts_KR2[..., 0], self.counts_KR2[..., 1]).mean(1)

    @property
    def mean(self) -> float:
        """Over the classes that have a true boundary; nan if none has."""
        return mean(self.by_class)


def accuracy_radii(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The five radii of mean boundary accuracy in px: evenly from 3 to (height + width) / 300, rounded.

    Images below 900 px on average get 3 px five times.
    """
    return tuple(int(radius) for radius in np.rint(np.linspace(3, max(3, sum(shape) / 300), 5)))


def _inner_edge(mask: Mask, scored: Mask, distance: int) -> Mask:
    return mask & scored & grown(~mask & scored, distance)

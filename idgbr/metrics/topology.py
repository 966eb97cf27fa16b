"""Agreement of connectedness: components, holes, and centre lines of thin things.

Every score is a class that holds counts, so that those of several images can be added up. A pixel that is not scored is
of no class in either map.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from scipy import ndimage

from idgbr.metrics.arrays import Counts, Labels, Mask, Scores, check, mean, ratio
from idgbr.morphology import square_maximum

BETTI_PX = 256
"""Side of the tiles that components and holes are counted in, from the map's top left pixel on."""
TOUCHING = np.ones((3, 3), bool)


@dataclass(frozen=True)
class BettiErrors:
    """How far the numbers of components (Betti 0) and of holes (Betti 1) of a class are from the truth's.

    Counted in tiles of `side` px, as if all around a tile were of no class: the mean absolute difference over the tiles
    in which either map has the class (compare Hu et al. 2019, arXiv 1906.05404, who count in patches). Pixels of a
    class are connected by sides and corners, those around it by sides.
    counts_K3: of each class, the summed differences of components, those of holes, and the number of tiles.
    """

    counts_K3: Counts

    @classmethod
    def of(cls, true: Labels, pred: Labels, codes: Sequence[int], side: int = BETTI_PX, ignore: int = 0) -> Self:
        """Of one pair of maps. Raises InputError for maps of different shape."""
        check(true, pred)
        counts_K3 = np.zeros((len(codes), 3), np.int64)
        for part in _tiles(true.shape, side):
            scored = true[part] != ignore
            for counts_3, code in zip(counts_K3, codes, strict=True):
                true_mask, pred_mask = ((label[part] == code) & scored for label in (true, pred))
                if true_mask.any() or pred_mask.any():
                    counts_3[:2] += np.abs(np.subtract(betti_numbers(true_mask), betti_numbers(pred_mask)))
                    counts_3[2] += 1
        return cls(counts_K3)

    def __add__(self, other: Self) -> Self:
        return type(self)(self.counts_K3 + other.counts_K3)

    @property
    def components_by_class(self) -> Scores:
        """Mean error of the number of components; nan for a class that neither map has."""
        return ratio(self.counts_K3[:, 0], self.counts_K3[:, 2])

    @property
    def holes_by_class(self) -> Scores:
        """Mean error of the number of holes; nan for a class that neither map has."""
        return ratio(self.counts_K3[:, 1], self.counts_K3[:, 2])

    @property
    def components(self) -> float:
        """Over the classes that either map has; nan if there is none."""
        return mean(self.components_by_class)

    @property
    def holes(self) -> float:
        """Over the classes that either map has; nan if there is none."""
        return mean(self.holes_by_class)


@dataclass(frozen=True)
class CentrelineDice:
    """clDice (Shit et al. 2021, arXiv 2003.07311, equations 1 and 2) of each class.

    The harmonic mean of the share of the predicted skeleton that lies in the true mask, and of the true skeleton in the
    predicted mask.
    counts_K4: of each class, skeleton pixels predicted within the true mask, all predicted, true ones within the
    predicted mask, all true.
    """

    counts_K4: Counts

    @classmethod
    def of(cls, true: Labels, pred: Labels, codes: Sequence[int], ignore: int = 0) -> Self:
        """Of one pair of maps. Raises InputError for maps of different shape."""
        check(true, pred)
        scored = true != ignore
        rows = []
        for code in codes:
            true_mask, pred_mask = ((label == code) & scored for label in (true, pred))
            true_line, pred_line = (skeleton(mask, scored) for mask in (true_mask, pred_mask))
            masks = (pred_line & true_mask, pred_line, true_line & pred_mask, true_line)
            rows.append([np.count_nonzero(mask) for mask in masks])
        return cls(np.array(rows, np.int64))

    def __add__(self, other: Self) -> Self:
        return type(self)(self.counts_K4 + other.counts_K4)

    @property
    def by_class(self) -> Scores:
        """nan for a class that has no skeleton in either map."""
        right_K, pred_K, found_K, true_K = self.counts_K4.T
        precision_K = right_K / np.maximum(pred_K, 1)
        recall_K = found_K / np.maximum(true_K, 1)
        dice_K = 2 * precision_K * recall_K / np.maximum(precision_K + recall_K, np.finfo(np.float64).tiny)
        return np.where(pred_K + true_K > 0, dice_K, np.nan)

    @property
    def mean(self) -> float:
        """Over the classes that have a skeleton in either map; nan if none has."""
        return mean(self.by_class)


@dataclass(frozen=True)
class ConnectedLength:
    """How much of the true centre lines the map keeps in one piece.

    Of a pixel of a true component's skeleton: the share of this skeleton that lies in the same component of the map as
    the pixel does, 0 where the map has another class. The mean over these pixels, so that lines weigh by their length:
    1 where all are whole, 1/2 for a line that is cut in its middle, 1/4 for one of which only a half is mapped. Counted
    in tiles and connected as in `BettiErrors`; a class that fills a tile has no skeleton there.
    sums_K2: of each class, the summed shares and the number of pixels.
    """

    sums_K2: Scores

    @classmethod
    def of(cls, true: Labels, pred: Labels, codes: Sequence[int], side: int = BETTI_PX, ignore: int = 0) -> Self:
        """Of one pair of maps. Raises InputError for maps of different shape."""
        check(true, pred)
        sums_K2 = np.zeros((len(codes), 2))
        for part in _tiles(true.shape, side):
            scored = true[part] != ignore
            for sums_2, code in zip(sums_K2, codes, strict=True):
                true_mask, pred_mask = ((label[part] == code) & scored for label in (true, pred))
                line = skeleton(true_mask, scored)
                true_N, pred_N = (ndimage.label(mask, TOUCHING)[0][line] for mask in (true_mask, pred_mask))
                length = np.bincount(true_N)
                (of_true, _), joined = np.unique(np.stack([true_N, pred_N])[:, pred_N > 0], axis=1, return_counts=True)
                sums_2 += (joined**2 / length[of_true]).sum(), len(true_N)
        return cls(sums_K2)

    def __add__(self, other: Self) -> Self:
        return type(self)(self.sums_K2 + other.sums_K2)

    @property
    def by_class(self) -> Scores:
        """nan for a class that has no true skeleton."""
        return ratio(self.sums_K2[:, 0], self.sums_K2[:, 1])

    @property
    def mean(self) -> float:
        """Over the classes that have a true skeleton; nan if none has."""
        return mean(self.by_class)


def betti_numbers(mask_HW: Mask) -> tuple[int, int]:
    """Components (connected by sides and corners) and holes of a mask in a plane that is otherwise empty.

    Holes are components minus the Euler number, which is counted in 2 x 2 squares (Gray 1971, for 8-connectivity).
    """
    components = int(ndimage.label(mask_HW, TOUCHING)[1])
    padded = np.pad(mask_HW, 1).astype(np.uint8)
    quads = padded[:-1, :-1] + 2 * padded[:-1, 1:] + 4 * padded[1:, :-1] + 8 * padded[1:, 1:]
    count_Q = np.bincount(quads.ravel(), minlength=16)
    ones, threes, diagonals = count_Q[[1, 2, 4, 8]].sum(), count_Q[[7, 11, 13, 14]].sum(), count_Q[[6, 9]].sum()
    return components, components - int(ones - threes - 2 * diagonals) // 4


def skeleton(mask_HW: Mask, scored_HW: Mask) -> Mask:
    """The morphological skeleton: what erosions (by the four neighbours) leave that opening (3 x 3) removes.

    These are the pixels of the mask whose city-block distance to the scored pixels outside is largest among their eight
    neighbours; the array's edge and pixels that are not scored erode nothing. On a mask of 0 and 1 it equals the soft
    skeleton of clDice (algorithm 1) after enough iterations. A mask without a pixel outside of it has none.
    """
    outside_HW = scored_HW & ~mask_HW
    if not outside_HW.any() or not mask_HW.any():
        return np.zeros_like(mask_HW)
    distance_HW = ndimage.distance_transform_cdt(~outside_HW, "taxicab") * mask_HW
    return mask_HW & (distance_HW == square_maximum(torch.from_numpy(distance_HW), 1).numpy())


def _tiles(shape: tuple[int, ...], side: int) -> Iterator[tuple[slice, slice]]:
    for y in range(0, shape[0], side):
        for x in range(0, shape[1], side):
            yield slice(y, y + side), slice(x, x + side)

"""A share of the labels, to see how far few of them go."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from idgbr.errors import InputError
from idgbr.training.crops import Pair, random_of


def label_share(pairs: Sequence[Pair], share: float, size: int, seed: int, no_label: int) -> list[Pair]:
    """Patches of about `size` px with `share` of the labelled pixels; all pairs, whole, for a share of 1.

    The images are cut into patches of nearly equal sides, which are taken in an order drawn from `seed` until they hold
    the share. So with one seed a smaller share is part of every larger one. InputError unless 0 < share <= 1.
    """
    if not 0 < share <= 1:
        raise InputError(f"share must be above 0 and up to 1, not {share}")
    if share == 1:
        return list(pairs)
    patches = [patch for pair in pairs for patch in _patches(pair, size)]
    labelled = np.array([(label_HW != no_label).sum() for _, label_HW in patches])
    order = random_of(seed, 0, stream="share").permutation(len(patches))
    order = order[labelled[order] > 0]
    before = np.concatenate([[0], labelled[order].cumsum()[:-1]])
    return [patches[number] for number in order[before < share * labelled.sum()]]


def _patches(pair: Pair, size: int) -> list[Pair]:
    image_CHW, label_HW = pair
    edges = [np.linspace(0, side, max(1, round(side / size)) + 1).astype(int) for side in label_HW.shape]
    return [
        (image_CHW[:, top:bottom, left:right], label_HW[top:bottom, left:right])
        for top, bottom in zip(edges[0], edges[0][1:], strict=False)
        for left, right in zip(edges[1], edges[1][1:], strict=False)
    ]

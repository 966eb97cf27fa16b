"""Labels kept out of training by their place: squares of the ground, none of which is in both parts."""

from collections.abc import Sequence

import numpy as np
from pyproj import CRS

from pipeline.errors import UserError
from pipeline.training.area_kinds import Split
from pipeline.training.pair import Pair
from pipeline.training.place import Place

SHARE = 0.25

Blocks = set[tuple[int, int]]
"""(iy, ix) of squares, counted southwards and eastwards from the origin of the CRS."""


def split_pairs(
    pairs: Sequence[Pair], places: Sequence[Place], split: Split, no_label: int
) -> tuple[list[Pair], list[Pair]]:
    """Each pair twice, its labels shared out: those in squares to train on, and those in squares kept out.

    Images stay whole. Raises UserError for places in degrees, and where one part would have no labels.
    """
    assert split.size is not None, "checked: a split by squares has a size"
    index = [block_index(place, split.size) for place in places]
    seen = [_labelled_blocks(label_HW, *at, no_label=no_label) for (_, label_HW), at in zip(pairs, index, strict=True)]
    kept = kept_out(set().union(*seen), split)
    training, validation = [], []
    for (image_BHW, label_HW), (iy_H, ix_W), blocks in zip(pairs, index, seen, strict=True):
        out_HW = np.zeros(label_HW.shape, bool)
        for iy, ix in blocks & kept:
            out_HW |= (iy_H == iy)[:, None] & (ix_W == ix)
        training.append((image_BHW, np.where(out_HW, np.uint8(no_label), label_HW)))
        validation.append((image_BHW, np.where(out_HW, label_HW, np.uint8(no_label))))
    return training, validation


def kept_out(blocks: Blocks, split: Split) -> Blocks:
    """The squares kept out of training. Raises UserError where that would be all or none."""
    ordered = sorted(blocks)
    if split.by == "checkerboard":
        kept = {(iy, ix) for iy, ix in ordered if (iy + ix) % 2}
    else:
        count = max(1, round(len(ordered) * (split.share or SHARE)))
        order = np.random.default_rng(split.seed).permutation(len(ordered))
        kept = {ordered[at] for at in order[:count]}
    if not kept or len(kept) == len(ordered):
        raise UserError(
            f"split.size is {split.size:g} m, of which the labels lie in {len(ordered)} square(s), too few to share "
            "out; give a smaller size"
        )
    return kept


def block_index(place: Place, size: float) -> tuple[np.ndarray, np.ndarray]:
    """iy of each row and ix of each column of a north-up image. Raises UserError unless its CRS is in metres."""
    crs = CRS(place.crs) if place.crs else None
    if crs is None or not crs.is_projected or abs(crs.axis_info[0].unit_conversion_factor - 1) > 1e-9:
        raise UserError("a split by place needs images in a projected CRS in metres; name 'validation' instead")
    upright = place.north_up()
    height, width = upright.shape
    t = upright.transform
    y_H = t.f + t.e * (np.arange(height) + 0.5)
    x_W = t.c + t.a * (np.arange(width) + 0.5)
    return np.floor(-y_H / size).astype(int), np.floor(x_W / size).astype(int)


def _labelled_blocks(label_HW: np.ndarray, iy_H: np.ndarray, ix_W: np.ndarray, no_label: int) -> Blocks:
    row_N, col_N = np.nonzero(label_HW != no_label)
    return {(int(iy), int(ix)) for iy, ix in np.unique(np.stack([iy_H[row_N], ix_W[col_N]], 1), axis=0)}

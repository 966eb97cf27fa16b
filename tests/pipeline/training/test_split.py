"""Labels kept out by place, and the balance of classes. Covers `split.py` and `balance.py`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio import Affine

from pipeline.errors import UserError
from pipeline.training.area_kinds import Split
from pipeline.training.balance import class_balance, describe_balance
from pipeline.training.place import Place
from pipeline.training.split import block_index, kept_out, split_pairs

CLASSES = [{"code": 1, "name": "Water", "color": "#0000ff"}, {"code": 2, "name": "Land", "color": "#00ff00"}]


def place(left=500_000.0, top=5_300_000.0, shape=(40, 50), crs="EPSG:32633", metres=10.0):
    return Place(crs, Affine(metres, 0, left, 0, -metres, top), shape)


@settings(max_examples=40, deadline=None)
@given(
    by=st.sampled_from(["blocks", "checkerboard"]),
    size=st.integers(3, 25),
    seed=st.integers(0, 99),
    shift=st.tuples(st.integers(-30, 30), st.integers(-30, 30)),
    data=st.data(),
)
def test_no_square_has_labels_in_both_parts_and_no_label_is_lost(by, size, seed, shift, data):
    random = np.random.default_rng(data.draw(st.integers(0, 9)))
    places = [place(), place(500_000 + 10 * shift[0], 5_300_000 + 10 * shift[1])]
    pairs = [(np.ones((1, 40, 50)), random.integers(0, 3, (40, 50)).astype(np.uint8)) for _ in places]
    training, validation = split_pairs(pairs, places, Split(by=by, size=10.0 * size, seed=seed), no_label=0)
    squares = []
    for part in (training, validation):
        held = set()
        for (_, label_HW), at in zip(part, places, strict=True):
            iy_H, ix_W = block_index(at, 10.0 * size)
            held |= {(int(iy_H[y]), int(ix_W[x])) for y, x in np.argwhere(label_HW)}
        squares.append(held)
    assert squares[0] and squares[1]
    assert not squares[0] & squares[1]
    for (_, whole_HW), (_, one_HW), (_, other_HW) in zip(pairs, training, validation, strict=True):
        assert (one_HW.astype(int) + other_HW == whole_HW).all()


def test_squares_of_a_checkerboard_alternate_on_the_ground():
    kept = kept_out({(y, x) for y in range(4) for x in range(4)}, Split(by="checkerboard", size=100))
    assert kept == {(y, x) for y in range(4) for x in range(4) if (y + x) % 2}


def test_a_share_of_the_blocks_is_drawn_and_another_seed_draws_others():
    blocks = {(y, x) for y in range(10) for x in range(10)}
    first, again, other = (kept_out(blocks, Split(by="blocks", size=9, share=0.3, seed=seed)) for seed in (0, 0, 1))
    assert len(first) == 30
    assert first == again != other


@pytest.mark.parametrize(
    ("size", "at", "says"),
    [
        (100_000, place(), "split.size is 100000 m"),
        (10, place(crs="EPSG:4326", left=12, top=48, metres=0.001), "projected CRS in metres"),
        (10, place(crs=""), "projected CRS in metres"),
    ],
)
def test_labels_that_cannot_be_split_are_told_in_one_sentence(size, at, says):
    pair = np.ones((1, 40, 50)), np.ones((40, 50), np.uint8)
    with pytest.raises(UserError, match=says) as told:
        split_pairs([pair], [at], Split(by="blocks", size=size), no_label=0)
    assert "\n" not in str(told.value)


def labels(*codes):
    return np.zeros((1, 1, len(codes))), np.array([codes], np.uint8)


def test_the_balance_counts_labels_by_class_and_tells_which_can_hardly_be_learnt():
    rows = class_balance([labels(1, 1, 1, 0)], [labels(2, 1)], CLASSES)
    assert [(row.training, row.validation, row.share, row.rare) for row in rows] == [
        (3, 1, 1.0, False),
        (0, 1, 0, True),
    ]
    water, land = describe_balance(rows).splitlines()
    assert water.startswith("Water  100.0% of")
    assert land.endswith("none to learn from")


@pytest.mark.parametrize(("training", "validation", "says"), [(0, 1, "to train on"), (1, 0, "kept out of training")])
def test_a_part_without_labels_is_refused(training, validation, says):
    with pytest.raises(UserError, match=says):
        class_balance([labels(training)], [labels(validation)], CLASSES)

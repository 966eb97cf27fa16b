import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from metric_maps import CODES, FULL, MAPS, blobs
from scipy import ndimage
from torch.nn import functional as F

from idgbr.errors import InputError
from idgbr.metrics import BettiErrors, CentrelineDice, ConnectedLength, betti_numbers, skeleton

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))
MASKS = hnp.arrays(bool, SHAPES)
RING = np.pad(np.zeros((2, 2), bool), 1, constant_values=True)


def holes(mask):
    """Parts of the surroundings, connected by sides, that do not reach the outside."""
    return ndimage.label(~np.pad(mask, 1))[1] - 1


def soft_skeleton(mask):
    """Algorithm 1 of arXiv 2003.07311 by pooling, with as many iterations as the mask has pixels."""

    def erode(value):
        return torch.min(-F.max_pool2d(-value, (3, 1), 1, (1, 0)), -F.max_pool2d(-value, (1, 3), 1, (0, 1)))

    def opened(value):
        return F.max_pool2d(erode(value), 3, 1, 1)

    value = torch.from_numpy(mask.astype(np.float32))[None, None]
    line = F.relu(value - opened(value))
    for _ in range(sum(mask.shape)):
        value = erode(value)
        delta = F.relu(value - opened(value))
        line = line + F.relu(delta - line * delta)
    return line[0, 0].numpy() > 0.5


def thin(*shape):
    """A map of CODES[0] with a line of CODES[1] along the middle row."""
    label = np.full(shape, CODES[0], np.uint8)
    label[shape[0] // 2] = CODES[1]
    return label


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (np.zeros((4, 4), bool), (0, 0)),
        (np.ones((1, 1), bool), (1, 0)),
        (np.ones((5, 3), bool), (1, 0)),
        (np.eye(4, dtype=bool), (1, 0)),
        (RING, (1, 1)),
        (np.hstack([RING, np.zeros((4, 1), bool), RING]), (2, 2)),
        (np.pad(RING, 2) | np.pad(np.zeros((6, 6), bool), 1, constant_values=True), (2, 2)),
        (np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool), (1, 1)),
    ],
)
def test_betti_numbers_of_figures_known_by_heart(mask, expected):
    assert betti_numbers(mask) == expected


@settings(deadline=None)
@given(MASKS)
def test_holes_by_the_euler_number_are_those_that_are_counted(mask):
    assert betti_numbers(mask) == (ndimage.label(mask, np.ones((3, 3)))[1], holes(mask))


@settings(deadline=None, max_examples=50)
@given(MAPS, MAPS)
def test_betti_errors_are_the_differences_in_each_tile_that_has_the_class(true, pred):
    found = BettiErrors.of(true, pred, CODES, side=5)
    for k, code in enumerate(CODES):
        differences = []
        for y in range(0, 9, 5):
            for x in range(0, 11, 5):
                part = np.s_[y : y + 5, x : x + 5]
                masks = [(label[part] == code) & (true[part] != 0) for label in (true, pred)]
                if any(mask.any() for mask in masks):
                    numbers = [(ndimage.label(mask, np.ones((3, 3)))[1], holes(mask)) for mask in masks]
                    differences.append(np.abs(np.subtract(*numbers)))
        expected = np.mean(differences, 0) if differences else (np.nan, np.nan)
        assert (found.components_by_class[k], found.holes_by_class[k]) == pytest.approx(expected, nan_ok=True)


def test_a_road_in_two_pieces_is_one_component_too_many_and_a_filled_pond_one_hole_too_few():
    road, broken = thin(9, 20), thin(9, 20)
    broken[4, 8:10] = CODES[0]
    errors = BettiErrors.of(road, broken, CODES[:2])
    assert errors.components_by_class.tolist() == [1, 1], "the gap also joins both sides"
    pond = np.full((9, 9), CODES[0], np.uint8)
    pond[3:5, 3:5] = CODES[1]
    assert BettiErrors.of(pond, np.full_like(pond, CODES[0]), CODES).holes_by_class[:2].tolist() == [1, 0]


def test_a_tile_is_counted_by_itself_and_the_counts_of_images_add_up():
    true, pred = blobs(0, 64), blobs(1, 64)
    whole = BettiErrors.of(true, pred, CODES, side=32)
    parts = [
        BettiErrors.of(true[y : y + 32, x : x + 32], pred[y : y + 32, x : x + 32], CODES, side=32)
        for y in (0, 32)
        for x in (0, 32)
    ]
    assert np.array_equal(whole.counts_K3, sum(parts[1:], parts[0]).counts_K3)


@settings(deadline=None)
@given(hnp.arrays(bool, st.tuples(st.integers(2, 12), st.integers(2, 12))))
def test_the_skeleton_is_the_soft_skeleton_of_cldice(mask):
    expected = soft_skeleton(mask) if mask.any() and not mask.all() else np.zeros_like(mask)
    assert np.array_equal(skeleton(mask, np.ones_like(mask)), expected)


def test_a_line_is_its_own_skeleton_and_a_broad_one_has_its_middle():
    line = thin(9, 20) == CODES[1]
    assert np.array_equal(skeleton(line, np.ones_like(line)), line)
    broad = np.zeros((9, 20), bool)
    broad[2:7] = True
    assert np.array_equal(skeleton(broad, np.ones_like(broad)), line)


def test_cldice_of_a_broadened_line_is_whole_of_half_a_line_two_thirds():
    line, broad, half = (thin(9, 20) for _ in range(3))
    broad[3:6] = CODES[1]
    half[4, 10:] = CODES[0]
    assert CentrelineDice.of(line, broad, CODES).by_class[1] == 1
    assert CentrelineDice.of(line, half, CODES).by_class[1] == pytest.approx(2 / 3)
    assert CentrelineDice.of(line, np.full_like(line, CODES[0]), CODES).by_class[1] == 0


def cut_line(*mapped):
    """A line of 20 px between two edges, and a map of it that has the class where `mapped` says."""
    true = thin(9, 20)
    pred = true.copy()
    pred[4] = np.where(mapped, CODES[1], CODES[0])
    return true, pred


@pytest.mark.parametrize(
    ("mapped", "share"),
    [
        ([1] * 20, 1),
        ([0] * 20, 0),
        ([1] * 10 + [0] * 10, 1 / 4),
        ([1] * 10 + [0] + [1] * 9, (10**2 + 9**2) / 20**2),
        ([1, 0] * 10, 10 / 20**2),
    ],
)
def test_connected_length_is_the_share_of_its_line_that_a_point_is_joined_with(mapped, share):
    assert ConnectedLength.of(*cut_line(*mapped), CODES).by_class[1] == pytest.approx(share)


def test_long_lines_weigh_more_and_images_add_up():
    whole, cut = cut_line(*[1] * 20), cut_line(*[1] * 10, 0, *[1] * 9)
    short = tuple(each[:, :5] for each in cut_line(*[0] * 20))
    both = ConnectedLength.of(*cut, CODES) + ConnectedLength.of(*short, CODES) + ConnectedLength.of(*whole, CODES)
    assert both.by_class[1] == pytest.approx(((10**2 + 9**2) / 20 + 0 + 20) / 45)
    assert np.isnan(ConnectedLength.of(*whole, CODES).by_class[2]), "no such line"


@settings(deadline=None, max_examples=50)
@given(FULL, FULL)
def test_connected_length_counts_pairs_of_points_that_both_maps_join(true, pred):
    found = ConnectedLength.of(true, pred, CODES).by_class
    for k, code in enumerate(CODES):
        points = np.argwhere(skeleton(true == code, np.ones_like(true, bool)))
        pieces = [ndimage.label(label == code, np.ones((3, 3)))[0] for label in (true, pred)]
        shares = []
        for point in points:
            same = [piece[tuple(points.T)] == piece[tuple(point)] for piece in pieces]
            mapped = pieces[1][tuple(point)] > 0
            shares.append((same[0] & same[1]).sum() / same[0].sum() if mapped else 0)
        assert found[k] == pytest.approx(np.mean(shares), nan_ok=True) if shares else np.isnan(found[k])


@settings(deadline=None, max_examples=50)
@given(FULL, FULL)
def test_cldice_is_its_papers_formula_on_soft_skeletons(true, pred):
    found = CentrelineDice.of(true, pred, CODES).by_class
    for k, code in enumerate(CODES):
        masks = [label == code for label in (true, pred)]
        lines = [soft_skeleton(mask) if mask.any() and not mask.all() else np.zeros_like(mask) for mask in masks]
        if not any(line.any() for line in lines):
            assert np.isnan(found[k])
            continue
        precision = (lines[1] & masks[0]).sum() / max(lines[1].sum(), 1)
        recall = (lines[0] & masks[1]).sum() / max(lines[0].sum(), 1)
        expected = 2 * precision * recall / (precision + recall) if precision + recall else 0
        assert found[k] == pytest.approx(expected)


def test_what_is_not_scored_makes_no_component_and_erodes_nothing():
    true, pred = thin(9, 20), thin(9, 20)
    true[0], pred[0, ::2] = 0, CODES[1]
    assert BettiErrors.of(true, pred, CODES).components == 0
    assert CentrelineDice.of(true, pred, CODES).mean == 1
    mask, scored = np.ones((5, 9), bool), np.ones((5, 9), bool)
    mask[:, :2], scored[:, 7:] = False, False
    assert skeleton(mask & scored, scored).nonzero()[1].min() == 6


def test_maps_of_different_shape_are_refused():
    for score in (BettiErrors, CentrelineDice):
        with pytest.raises(InputError, match="must have one shape"):
            score.of(thin(9, 20), thin(9, 21), CODES)

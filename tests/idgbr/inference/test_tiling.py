"""Windows on the absolute lattice (`tiling.py`) and their weighted mean (`blend.py`)."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from idgbr.inference.blend import Blend
from idgbr.inference.tiling import WindowLattice

LATTICES = st.sampled_from(
    [WindowLattice(256, 64), WindowLattice(96, 32), WindowLattice(64, 0), WindowLattice(128, 64)]
)
PLACE = st.integers(-3000, 3000)
SIDE = st.integers(1, 400)


def blend(lattice, corner, shape, scores):
    """The blend of windows whose score at each pixel is `scores(y, x)` of its absolute place."""
    blended = Blend(corner, shape, 1, torch.from_numpy(lattice.weights()))
    for y, x in lattice.corners(corner, shape):
        y_HW, x_HW = torch.meshgrid(
            torch.arange(y, y + lattice.window), torch.arange(x, x + lattice.window), indexing="ij"
        )
        blended.add((y, x), scores(y_HW, x_HW)[None].float())
    return blended


@given(PLACE, PLACE, SIDE, SIDE, LATTICES)
def test_every_pixel_is_covered_and_its_weights_sum_to_one(y, x, height, width, lattice):
    blended = blend(lattice, (y, x), (height, width), lambda y_HW, x_HW: torch.ones_like(y_HW))
    assert blended.covered().all()
    assert torch.allclose(blended._sum_HW, torch.ones(height, width), atol=1e-6)


@given(PLACE, PLACE, SIDE, SIDE, LATTICES)
def test_windows_are_those_of_the_absolute_lattice_that_overlap_in_row_order(y, x, height, width, lattice):
    low, high, size = -4096 // lattice.stride * lattice.stride, 4096, lattice.window
    expected = [
        (wy, wx)
        for wy in range(low, high, lattice.stride)
        for wx in range(low, high, lattice.stride)
        if wy < y + height and wy + size > y and wx < x + width and wx + size > x
    ]
    assert lattice.corners((y, x), (height, width)) == expected
    assert lattice.count((y, x), (height, width)) == len(expected)


@given(PLACE, PLACE, st.integers(1, 60), st.integers(1, 60), LATTICES)
def test_the_phase_comes_from_the_origin_so_any_cut_holds_the_same_bits(y, x, dy, dx, lattice):
    def scores(y_HW, x_HW):
        return torch.sin(0.37 * y_HW + 0.11 * x_HW) + torch.cos(0.05 * y_HW)

    whole = blend(lattice, (y, x), (90, 80), scores)._total_KHW
    part = blend(lattice, (y + dy, x + dx), (90 - dy, 80 - dx), scores)._total_KHW
    assert torch.equal(whole[:, dy:, dx:], part)


def test_a_constant_score_stays_constant_after_blending():
    blended = blend(WindowLattice(96, 32), (-100, 50), (511, 727), lambda y_HW, x_HW: torch.full_like(y_HW, 3))
    mean_KHW = blended._total_KHW / blended._sum_HW
    assert torch.allclose(mean_KHW, torch.tensor(3.0), atol=1e-6)


def test_windows_change_into_each_other_gradually():
    lattice = WindowLattice(64, 16)
    blended = Blend((0, 0), (64, 112), 1, torch.from_numpy(lattice.weights()))
    blended.add((0, 0), torch.zeros(1, 64, 64))
    blended.add((0, 48), torch.ones(1, 64, 64))
    row = (blended._total_KHW / blended._sum_HW)[0, 32]
    assert row[:48].eq(0).all()
    assert row[64:].eq(1).all()
    assert 0 < row[47:65].diff().max() < 0.1


def test_probabilities_are_those_of_the_mean_score_and_uniform_where_no_window_is():
    lattice = WindowLattice(32, 0)
    blended = Blend((0, 0), (32, 64), 2, torch.from_numpy(lattice.weights()))
    blended.add((0, 0), torch.tensor([0.0, np.log(3)])[:, None, None].expand(2, 32, 32))
    assert np.allclose(blended.logits().softmax(0).numpy()[1, :, :32], 0.75)
    assert np.allclose(blended.logits().softmax(0).numpy()[:, :, 32:], 0.5)
    assert blended.covered().float().mean() == 0.5

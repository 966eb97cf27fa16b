from itertools import pairwise

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from idgbr.inference.tiling import Tiling

SIDE = st.integers(1, 150)


@settings(deadline=None)
@given(SIDE, SIDE, st.sampled_from([16, 32, 64]), st.integers(0, 15))
def test_blending_unchanged_windows_gives_the_array_back(height, width, window, overlap):
    tiling = Tiling((height, width), window, overlap)
    array_CHW = torch.rand(2, height, width, generator=torch.Generator().manual_seed(0)) + 1
    padded_CHW = tiling.pad(array_CHW)
    blended_CHW = tiling.blend(tiling.cut(padded_CHW, tiling.corners), tiling.corners)
    assert all(side % 16 == 0 for side in tiling.padded)
    assert torch.allclose(blended_CHW[:, :height, :width], array_CHW)


@given(SIDE, st.sampled_from([32, 64]), st.integers(0, 31))
def test_neighbouring_windows_share_the_overlap(height, window, overlap):
    ys = [y for y, _ in Tiling((height, 16), window, overlap).corners]
    assert all(0 < later - earlier <= window - overlap for earlier, later in pairwise(ys))


def test_windows_change_into_each_other_gradually():
    tiling = Tiling((32, 112), 64, 16)
    tiles = torch.stack([torch.zeros(1, 32, 64), torch.ones(1, 32, 64)])
    row = tiling.blend(tiles, tiling.corners)[0, 5]
    assert row[:48].eq(0).all()
    assert row[64:].eq(1).all()
    assert row.diff().max() < 0.1


def test_padding_follows_the_multiple_that_the_networks_ask_for():
    assert Tiling((70, 300), 256, 64, 64).padded == (128, 320)
    assert Tiling((70, 300), 256, 64).padded == (80, 304)
    assert all(place % 64 == 0 for corner in Tiling((70, 300), 256, 64, 64).corners for place in corner)

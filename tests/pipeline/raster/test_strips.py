"""Strips of rows, and torch's threads while they are computed."""

import torch

from pipeline.geometry.grid import Window
from pipeline.raster import strips
from pipeline.raster.strips import one_thread, row_strips


def test_strips_are_the_window_cut_into_rows():
    window = Window(-70, 3, 200, 9)
    found = list(row_strips(window))
    assert [strip.y0 for strip, _ in found] == list(range(-70, 200, strips.ROWS))
    assert found[-1] == (Window(186, 3, 200, 9), slice(256, 270))


def test_torch_has_its_threads_back():
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before

"""The bound of a mosaic's memory, and the strips that keep to it."""

from itertools import pairwise

import pytest

from pipeline.geometry.grid import Grid, Window
from pipeline.mosaic import memory
from pipeline.mosaic.memory import STACK_BYTES, memory_strips, mosaic_bytes
from pipeline.mosaic.params import MosaicParams

BLOCK = Grid("EPSG:3035", 10.0, 2048)


def test_the_memory_bound_grows_with_passes_until_strips_hold_it():
    small, large, huge = (mosaic_bytes(BLOCK, n, 4, MosaicParams(), 4) for n in (2, 20, 2_000))
    assert small < large < huge < small + STACK_BYTES
    assert mosaic_bytes(BLOCK, 2_000, 4, MosaicParams("mean"), 4) == mosaic_bytes(BLOCK, 2, 4, MosaicParams("mean"), 4)


@pytest.mark.parametrize(("method", "rows"), [("median", 5), ("geometric-median", 5), ("mean", 23), ("best", 23)])
def test_only_methods_that_stack_views_cut_a_window_into_strips_that_fit(monkeypatch, method, rows):
    window, views, bands = Window(7, 2, 30, 12), 3, 4
    monkeypatch.setattr(memory, "STACK_BYTES", 5 * views * bands * 10 * 2 + 1)
    strips = list(memory_strips(window, views, bands, method))
    assert [strip.shape[0] for strip in strips] == [rows] * (23 // rows) + [23 % rows] * (23 % rows > 0)
    assert (strips[0].y0, strips[-1].y1) == (7, 30)
    assert all(one.y1 == other.y0 for one, other in pairwise(strips))


def test_a_strip_has_at_least_one_row(monkeypatch):
    monkeypatch.setattr(memory, "STACK_BYTES", 1)
    assert len(list(memory_strips(Window(0, 0, 4, 10), 9, 4, "median"))) == 4

"""sample_cache.py: positions are computed once while memory lasts, also by several threads."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from made_rasters import HERE, OVER, SQUARE

from pipeline.geometry.grid import Window
from pipeline.mosaic import sample_cache
from pipeline.mosaic.sample_cache import SampleCache
from pipeline.raster import resample


@pytest.fixture
def located(monkeypatch):
    """The windows that are located, in order."""
    windows = []

    def locate(grid, window, raster, device):
        windows.append(window)
        return resample.sample_points(grid, window, raster, device)

    monkeypatch.setitem(resample.METHODS, "nearest", resample.METHODS["nearest"]._replace(locate=locate))
    return windows


def test_threads_that_ask_for_the_same_positions_compute_them_once(located):
    cache = SampleCache(SQUARE)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: cache.locate(HERE, "nearest", OVER), range(8)))
    assert located == [OVER]
    assert all(each is found[0] for each in found)
    assert found[0].window == OVER


def test_a_raster_far_away_is_remembered_as_none(located):
    cache = SampleCache(SQUARE)
    far = replace(HERE, top=4_000_000.0)
    assert [cache.locate(far, "nearest", OVER) for _ in range(2)] == [None, None]
    assert located == [OVER]


def test_the_oldest_entry_goes_when_memory_is_full_but_the_newest_stays(located, monkeypatch):
    monkeypatch.setattr(sample_cache, "SAMPLE_CACHE_BYTES", 1)
    cache, other = SampleCache(SQUARE), Window(OVER.y0, OVER.x0, OVER.y0 + 8, OVER.x1)
    for window in (OVER, other, other, OVER):
        cache.locate(HERE, "nearest", window)
    assert located == [OVER, other, OVER]
    assert len(cache.entries) == 1

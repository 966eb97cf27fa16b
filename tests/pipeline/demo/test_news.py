from dataclasses import replace

import pytest

from catalogs.errors import CatalogError
from catalogs.simulated import Overpass, open_world, simulate, truths
from catalogs.simulated.year import scenes
from pipeline.demo import news


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(news, "PASSES", tuple(replace(each, quadrants=("SW", "NW")) for each in news.PASSES[:2]))
    monkeypatch.setattr(news, "CHANGED_PART", (1.0, 1.0))
    return simulate(tmp_path / "world", 3, kilometres=1, dates=[Overpass("2024-08-13", cloudiness=0.0)])


def test_scenes_of_changed_land_arrive_once(world):
    later, new = news.arrive(world)
    assert len(new) == 4
    assert set(new) < set(scenes(world))
    was_HW, is_HW = truths(later, ["2024-08-13", news.LAST_DAY])
    assert (was_HW != is_HW).any()
    assert news.arrive(open_world(world.folder)) == (open_world(world.folder), [])


@pytest.mark.parametrize("after", [1, 4])
def test_an_arrival_that_was_interrupted_is_completed(world, after):
    def stop(done, total):
        if done == after:
            raise CatalogError("stopped")

    with pytest.raises(CatalogError):
        news.arrive(world, stop)
    some = set(scenes(world))
    later, new = news.arrive(open_world(world.folder))
    assert len(new) < 4
    assert len(some | set(new)) == len(scenes(world))
    assert all(name in later.items.read_text() for name in scenes(world))

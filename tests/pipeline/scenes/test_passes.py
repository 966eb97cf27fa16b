"""Scenes grouped by overpass, in one order for every block."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from made_rasters import HERE, scene

from pipeline.scenes.passes import group_passes, pass_key


@pytest.fixture(scope="module")
def scenes():
    """Two passes of two tiles each; of one tile there are two processings."""
    tiles = [
        scene(tile, {}, "", HERE, day=day, overpass=overpass)
        for overpass, day in (("later", "2024-06-11"), ("earlier", "2024-06-01"))
        for tile in ("b", "a")
    ]
    older = replace(tiles[0], id="b-old", baseline="05.00")
    return [older, *tiles]


def test_a_pass_holds_its_tiles_in_order_and_the_newest_processing_of_a_tile_first(scenes):
    passes = group_passes(scenes)
    assert [[scene.id for scene in overpass.scenes] for overpass in passes] == [["a", "b"], ["a", "b", "b-old"]]
    assert [overpass.start.day for overpass in passes] == [1, 11]
    assert len({pass_key(scene) for scene in passes[1].scenes}) == 1


@pytest.mark.parametrize("seed", range(3))
def test_the_order_given_does_not_matter(scenes, seed):
    assert group_passes(random.Random(seed).sample(scenes, len(scenes))) == group_passes(scenes)


def test_the_start_of_a_pass_is_that_of_all_its_scenes_though_a_block_has_only_some(scenes):
    first, second = scenes[1], replace(scenes[2], datetime=scenes[2].datetime - timedelta(hours=11))
    (overpass,) = group_passes([first], [first, second])
    assert overpass.start == second.datetime
    assert overpass.scenes == (first,)

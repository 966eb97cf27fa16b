"""Regions with more blocks than may be planned."""

import json

import pytest
import shapely

from pipeline.errors import UserError
from pipeline.planning.plan import plan
from pipeline.planning.size import check_size, most_blocks

WORLD = {"bbox": [-180, -80, 180, 80], "grid": {"crs": "global", "resolution": 10, "block": 256}}


def test_the_whole_world_is_refused_at_once_with_its_number_of_blocks(region_of):
    region = region_of(catalog="http://127.0.0.1:9", **WORLD)
    with pytest.raises(UserError, match=r"about 76,\d{3},\d{3} blocks of 256 pixels .* max_blocks is 1,000,000"):
        plan(region)
    check_size(region_of("raised", max_blocks=100_000_000, **WORLD))


def test_a_region_has_at_most_as_many_blocks_as_it_is_said_to_have(region_of, tmp_path):
    region = region_of(max_blocks=1)
    blocks = len(list(region.extent.blocks()))
    assert most_blocks(region) == blocks > 1
    with pytest.raises(UserError, match=f"about {blocks} blocks"):
        check_size(region)
    for number, shape in enumerate([shapely.Point(12, 48.5).buffer(0.5), shapely.box(10, 48, 14, 48.001)]):
        (tmp_path / f"{number}.geojson").write_text(json.dumps(shapely.geometry.mapping(shape)))
        region = region_of(f"polygon{number}", bbox=None, polygon=str(tmp_path / f"{number}.geojson"))
        blocks = len(list(region.extent.blocks()))
        assert blocks <= most_blocks(region) <= 4 * blocks

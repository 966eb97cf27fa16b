"""Which scenes of the items found a region uses, and why not the others."""

import pytest

from pipeline.cube.open import open_cube
from pipeline.execution.run import run
from pipeline.planning.plan import plan
from pipeline.scenes.choose import choose_scenes
from pipeline.scenes.resolve import resolve_offsets
from pipeline.scenes.search import catalog_query, find_items
from pipeline.storage.files import files_at

BANDS = ("blue", "green", "red", "nir")


def chosen(region):
    listed, _ = find_items(files_at(region.cube), catalog_query(region))
    return resolve_offsets(region, files_at(region.cube), listed, BANDS)[0]


def test_months_cloud_and_contribution_leave_scenes_out_and_say_why(region_of):
    everything = chosen(region_of("all")).scenes
    may = chosen(region_of("may", months=[5]))
    assert {scene.datetime.month for scene in may.scenes} == {5}
    assert len(may.scenes) == sum(scene.datetime.month == 5 for scene in everything)
    clear = chosen(region_of("clear", max_cloud=20))
    assert 0 < len(clear.scenes) < len(everything)
    assert all(scene.cloud_cover <= 20 for scene in clear.scenes)
    assert any("above max_cloud 20 %" in why for why in clear.exclusions.values())
    much = chosen(region_of("much", min_clear_share=0.6))
    assert 0 < len(much.scenes) < len(everything)
    assert any("of min_clear_share" in why for why in much.exclusions.values())


def test_a_scene_of_half_the_earth_is_left_out_where_the_grid_cannot_show_it(region_of):
    region = region_of("disc", grid={"crs": "EPSG:32633", "resolution": 10, "block": 256})
    listed, _ = find_items(files_at(region.cube), catalog_query(region))
    ring = [[-80, -60], [90, -60], [90, 60], [-80, 60], [-80, -60]]
    disc = listed[0] | {"id": "disc", "geometry": {"type": "Polygon", "coordinates": [ring]}}
    disc["properties"] = disc["properties"] | {"grid:code": "MGRS-33TWM"}
    chosen = choose_scenes(region, [*listed, disc], BANDS, {})
    assert "disc" not in {scene.id for scene in chosen.scenes}
    assert chosen.exclusions["disc"] == (
        "its footprint cannot be shown in EPSG:32633; choose a grid.crs made for its place"
    )


def test_another_mask_by_name_decides_what_is_clear(region_of, world):
    """The SCL read by a rule of the region's own: nothing but water is clear."""
    region = region_of("water", mask={"asset": "scl", "clear": [6], "cloud": [8, 9], "dilate": 0}, max_degraded=1.0)
    assert {scene.rule.clear for scene in plan(region).scenes} == {(6,)}
    run(region)
    water = open_cube(region.cube).observations.values > 0
    assert 0 < water.mean() < 0.5


def test_an_asset_that_no_item_has_is_told_as_the_reason(region_of):
    with pytest.raises(ValueError, match=r"no usable scenes among the .* because .*no asset"):
        plan(region_of("nomask", mask={"asset": "ocm", "clear": [0]}))

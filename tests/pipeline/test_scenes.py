import json
import shutil

import pytest

from catalogs import CatalogError
from catalogs.simulated import serve
from pipeline import scenes
from pipeline.planner import plan
from pipeline.query import open_cube
from pipeline.runner import run

BANDS = ("blue", "green", "red", "nir")


def chosen(region):
    listed = scenes.items(region)
    return scenes.choose(region, listed, BANDS, scenes.settle(region, listed, BANDS))


def test_a_region_can_be_planned_again_with_its_catalog_gone(region_of, world):
    copy = shutil.copytree(world.folder, region_of("gone").cube.parent / "world")
    region = region_of("gone", catalog=str(copy / "catalog.json"))
    first = plan(region)
    (copy / "catalog.json").unlink()
    assert plan(region).run == first.run
    with pytest.raises(CatalogError, match="no STAC catalog"):
        plan(region, refresh=True)


def test_the_search_of_an_api_leaves_a_list_and_no_pages(region_of, world):
    counted = []
    with serve(world.folder) as url:
        region = region_of("api", catalog=url, folders=[str(world.folder)])
        listed = scenes.items(region, found=counted.append)
    assert len(listed) == len((world.folder / "items.ndjson").read_text().splitlines()) == counted[-1]
    assert [path.suffix for path in (region.cube / "scenes").iterdir()] == [".parquet"]


def test_months_cloud_and_contribution_leave_scenes_out_and_say_why(region_of):
    everything = chosen(region_of("all")).kept
    may = chosen(region_of("may", months=[5]))
    assert {scene.datetime.month for scene in may.kept} == {5}
    assert len(may.kept) == sum(scene.datetime.month == 5 for scene in everything)
    clear = chosen(region_of("clear", max_cloud=20))
    assert 0 < len(clear.kept) < len(everything)
    assert all(scene.cloud_cover <= 20 for scene in clear.kept)
    assert any("above max_cloud 20 %" in why for why in clear.left.values())
    much = chosen(region_of("much", min_contribution=0.6))
    assert 0 < len(much.kept) < len(everything)
    assert any("of min_contribution" in why for why in much.left.values())


def test_what_was_decided_about_doubts_is_kept_beside_the_list(region_of):
    region = region_of("kept")
    listed = scenes.items(region)
    asked = []
    first = scenes.settle(region, listed, BANDS, asked.append)
    assert asked == list(range(1, len(first) + 1))
    assert scenes.settle(region, listed, BANDS, asked.append) == first
    assert len(asked) == len(first)


def test_a_run_tells_what_it_applied_to_each_scene(undisturbed):
    region, report = undisturbed
    applied = json.loads((region.cube / "runs" / report.run / "applied.json").read_text())
    assert len(applied["used"]) == report.scenes
    for scene in applied["used"]:
        expected = -0.1 if scene["baseline"] >= "04.00" else 0.0
        assert {band["offset"] for band in scene["bands"].values()} == {expected}
        assert scene["mask"]["dilate"] == 60
    assert applied["warnings"] == report.warnings != []
    assert len(applied["left_out"]) == report.left_out


def test_scenes_of_doubtful_offset_do_not_stop_the_others(region_of, world):
    copy = shutil.copytree(world.folder, region_of("doubt").cube.parent / "world")
    for path in copy.glob("sentinel-2-l2a/S2B*/red.tif"):
        path.unlink()
    for path in copy.glob("sentinel-2-l2a/S2B*/B04.tif"):
        path.unlink()
    region = region_of("doubt", catalog=str(copy / "catalog.json"))
    planned = plan(region)
    assert not any(scene.id.startswith("S2B") for scene in planned.scenes)
    gone = [why for name, why in planned.selection.left.items() if name.startswith("S2B")]
    assert gone
    assert all("its pixels cannot tell" in why for why in gone)


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

import json
import shutil

import numpy as np
import pytest
import rasterio
from cube_bytes import assert_same, bytes_of

from catalogs import CatalogError
from catalogs.simulated import serve
from pipeline.cube.open import open_cube
from pipeline.execution.run import run
from pipeline.planning.plan import plan
from pipeline.scenes import search
from pipeline.scenes.choose import resolve_offsets

BANDS = ("blue", "green", "red", "nir")


def chosen(region):
    listed = search.find_items(region)
    return resolve_offsets(region, listed, BANDS)[0]


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
        region = region_of("api", catalog=url, allowed_paths=[str(world.folder)])
        listed = search.find_items(region, found=counted.append)
    assert len(listed) == len((world.folder / "items.ndjson").read_text().splitlines()) == counted[-1]
    assert sorted(path.suffix for path in (region.cube / "scenes").iterdir()) == [".json", ".parquet"]


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


def test_what_was_decided_about_doubts_is_kept_beside_the_list(region_of):
    region = region_of("kept")
    listed = search.find_items(region)
    asked = []
    _, first = resolve_offsets(region, listed, BANDS, asked.append)
    assert asked == list(range(1, len(first) + 1))
    assert resolve_offsets(region, listed, BANDS, asked.append)[1] == first
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


def without_red(world, folder):
    """A copy of a world in which the red bands of one satellite are gone."""
    copy = shutil.copytree(world.folder, folder)
    for path in copy.glob("sentinel-2-l2a/S2B*/B04.tif"):
        path.unlink()
    return copy


def test_a_doubtful_scene_whose_file_is_gone_degrades_its_blocks_and_is_asked_again(region_of, world, undisturbed):
    copy = without_red(world, region_of("doubt").cube.parent / "world")
    region = region_of("doubt", catalog=str(copy / "catalog.json"), max_degraded=1.0)
    planned = plan(region)
    gone = [scene for scene in planned.scenes if scene.id.startswith("S2B")]
    assert gone
    assert all(scene.doubt is not None for scene in gone)
    report = run(region)
    assert set(report.degraded) == {b.block for b in planned.blocks() if {s.id for s in gone} & set(b.scenes)}
    for path in world.folder.glob("sentinel-2-l2a/S2B*/B04.tif"):
        shutil.copy(path, copy / path.relative_to(world.folder))
    mended = run(region)
    assert mended.degraded == []
    assert_same(bytes_of(region), bytes_of(undisturbed[0]))


def test_a_newest_processing_that_cannot_be_decided_hides_no_older_one(region_of, world):
    copy = shutil.copytree(world.folder, region_of("hidden").cube.parent / "world")
    newest = "S2A_33UTQ_20240719_1_L2A"
    for path in (copy / "sentinel-2-l2a" / newest).glob("B*.tif"):
        with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as target:
            target.write(np.where(target.read(1) > 0, 9_000, 0).astype(np.uint16), 1)
    region = region_of("hidden", catalog=str(copy / "catalog.json"))
    planned = plan(region)
    assert "its pixels cannot tell" in planned.selection.exclusions[newest]
    assert "S2A_33UTQ_20240719_0_L2A" in {scene.id for scene in planned.scenes}


def test_items_that_cannot_be_used_at_all_are_named_in_the_plan(region_of, world):
    copy = shutil.copytree(world.folder, region_of("odd").cube.parent / "world")
    path = next(copy.glob("sentinel-2-l2a/S2B*/*.json"))
    item = json.loads(path.read_text())
    path.write_text(json.dumps(item | {"geometry": {"type": "Point", "coordinates": [12, 48]}}))
    region = region_of("odd", catalog=str(copy / "catalog.json"))
    assert "must be a Polygon" in plan(region).selection.exclusions[item["id"]]


def test_whatever_changes_pixels_changes_the_fingerprints_and_what_does_not_keeps_them(region_of):
    def prints(name, **changes):
        planned = plan(region_of(name, **changes))
        return [planned.fingerprints(block) for block in planned.extent.blocks()]

    plain = prints("plain")
    scl = {"asset": "scl", "clear": [4, 5, 6, 7, 11], "cloud": [8, 9, 10], "dilate": 60}
    assert prints("same", mask=scl, mosaic={"target_day": "2024-05-05"}, commit_every=1, max_degraded=0.5) == plain
    for name, changes in {
        "dilate": {"mask": scl | {"dilate": 80}},
        "method": {"mosaic": {"method": "mean"}},
        "best": {"mosaic": {"method": "best"}},
        "resampling": {"mosaic": {"resampling": "cubic"}},
        "months": {"months": [5, 6]},
    }.items():
        changed = prints(name, **changes)
        assert all(a[0] != b[0] and a[1] != b[1] for a, b in zip(changed, plain, strict=True)), name
    july, june = (prints(day, mosaic={"method": "best", "target_day": f"2024-{day}-01"}) for day in ("07", "06"))
    assert all(a != b for a, b in zip(july, june, strict=True))


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

"""Offsets in doubt, decided by pixels once and kept; scenes whose pixels cannot be read or cannot decide."""

import shutil

import numpy as np
import pytest
import rasterio
from cube_bytes import assert_same, bytes_of

from pipeline.execution.run import run
from pipeline.planning.plan import plan
from pipeline.scenes.resolve import resolve_offsets
from pipeline.scenes.search import catalog_query, find_items
from pipeline.storage.files import files_at

BANDS = ("blue", "green", "red", "nir")


def test_what_was_decided_about_doubts_is_kept_beside_the_list(region_of):
    region = region_of("kept")
    listed, _ = find_items(files_at(region.cube), catalog_query(region))
    asked = []
    _, first = resolve_offsets(region, files_at(region.cube), listed, BANDS, asked.append)
    assert asked == list(range(1, len(first) + 1))
    assert resolve_offsets(region, files_at(region.cube), listed, BANDS, asked.append)[1] == first
    assert len(asked) == len(first)


def without_red(world, folder):
    """A copy of a world in which the red bands of one satellite are gone."""
    copy = shutil.copytree(world.folder, folder)
    for path in copy.glob("sentinel-2-l2a/S2B*/B04.tif"):
        path.unlink()
    return copy


@pytest.mark.long
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

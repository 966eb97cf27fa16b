"""Joining the cubes of regions into one of a continent. Covers `plan.py`, `layout.py`, `shards.py`, `seams.py`,
`stac_item.py` and `report.py`."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pystac
import pytest
import zarr
from bit_rot import chunk_files, flip_bit
from block_source import source_of
from cube_bytes import ARRAYS
from pystac.validation import validate_dict
from regional_cubes import CLASSES, GRID, NEXT, SUMMER, degrees, layout_of, publish_region, world
from shared_folder import shared
from zarr.codecs import BloscCodec

import pipeline
from idgbr.pipeline import IDGBRPipeline
from pipeline.analysis.areas import class_areas
from pipeline.analysis.check import check
from pipeline.change.records import prepare_records, write_records
from pipeline.continent.join import join
from pipeline.cube import versions
from pipeline.cube.create import add_period
from pipeline.cube.cube import Cube
from pipeline.cube.heal import heal
from pipeline.cube.open import open_cube
from pipeline.cube.schema import EMPTY, Layout, check_layout
from pipeline.cube.store import array
from pipeline.errors import RunError, UserError
from pipeline.execution.run import run
from pipeline.geometry.grid import Grid, Window, transformer
from pipeline.segment.block import reach

WEST, EAST = layout_of((0, 0, 256, 768)), layout_of((0, 256, 256, 1100))
"""Three and four blocks of a row that have two in common."""
OVER_ALL = layout_of((0, 0, 256, 1100))


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Two regions and one over all of both; to look at, not to change."""

    def make(folder):
        for name, layout in (("west", WEST), ("east", EAST), ("whole", OVER_ALL)):
            publish_region(folder / name, layout)

    return shared(tmp_path_factory, "regional-cubes", make)


@pytest.fixture
def regions(tmp_path, made):
    return [Path(shutil.copytree(made / name, tmp_path / name)) for name in ("west", "east")]


@pytest.fixture
def continent(tmp_path):
    return tmp_path / "continent"


def group_of(location):
    cube = Cube.open(location)
    return cube.group(snapshot=versions.resolve(cube))


def arrays_of(location, without=("blocks/mosaic", "blocks/landcover", "blocks/aggregate", "blocks/source")):
    """All arrays of the newest version; those left out by default name the inputs of the maps."""
    group = group_of(location)
    return {
        name: np.asarray(node[...])
        for name, node in group.members(None)
        if isinstance(node, zarr.Array) and name not in without
    }


def assert_equal_arrays(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype, name
        assert a[name].shape == b[name].shape, name
        assert a[name].tobytes() == b[name].tobytes(), name


def source_blocks(location):
    """The name of the cube of each block of the first period."""
    group = group_of(location)
    layout = Layout.of(group)
    found = {block: source_of(group, 0, layout.extent.slot(block)) for block in layout.extent.blocks()}
    return {block: source and Path(source.cube).name for block, source in found.items()}


def test_regions_joined_are_the_cube_of_one_run_over_all_to_the_byte_with_counts_levels_and_records(
    regions, continent, made
):
    report = join(continent, regions)
    assert (report.published, report.copied, report.kept, report.emptied, report.cut) == (True, 5, 0, 0, 0)
    assert [(each.blocks, each.copied) for each in report.cubes] == [(2, 2), (3, 3)]
    assert_equal_arrays(arrays_of(continent), arrays_of(made / "whole"))
    assert class_areas(group_of(continent), 0) == class_areas(group_of(made / "whole"), 0)
    assert check(Cube.open(continent), report.version).sound
    (seam,) = report.seams
    assert (seam.blocks, seam.pixels, seam.same, seam.equal) == (2, 2 * 65_536, 2 * 65_536, 1.0)


def test_joined_again_only_the_changed_blocks_of_the_updated_region_are_copied(regions, continent):
    west, east = regions
    first = join(continent, regions)
    again = join(continent, regions)
    assert (again.published, again.version) == (False, first.version)
    assert (again.copied, again.kept, again.bytes) == (0, 5, 0)
    assert len(versions.history(Cube.open(continent))) == 1

    new = publish_region(east, EAST, editions={(0, 3): 1, (0, 4): 1})
    update = join(continent, regions)
    assert (update.published, update.copied, update.kept) == (True, 2, 3)
    assert [each.copied for each in update.cubes] == [0, 2]
    landcover_HW = open_cube(continent).landcover.values[0]
    assert np.array_equal(landcover_HW[:, 768:1024], world("landcover", (0, 3), 1))
    assert np.array_equal(landcover_HW[:, :256], world("landcover", (0, 0)))

    group = group_of(continent)
    changed, same = (source_of(group, 0, slot) for slot in ((0, 3), (0, 2)))
    assert (changed.cube, changed.version) == (str(east), new)
    assert changed.runs == versions.runs_of(Cube.open(east), new)
    assert (same.cube, same.version) == (str(east), first.cubes[1].version)
    assert source_of(group, 0, (0, 0)).cube == str(west)


def test_no_run_is_told_of_a_period_of_whose_blocks_an_update_kept_some(regions, continent):
    east, start = Cube.open(regions[1]), str(SUMMER[0])
    base = versions.start_branch(east, "run-c2")
    session = east.repository.writable_session("run-c2")
    group = zarr.open_group(session.store)
    prepare_records(group)
    write_records(group, 0, {}, start, ["c2", "digest"])
    session.commit("outcomes")
    versions.publish(east, "run-c2", base, versions.Origin("c2", "east", 0, 0, {start: "c2", "2023-05-01": "b1"}))
    join(continent, regions)
    assert source_of(group_of(continent), 0, (0, 4)).runs == {"2023-05-01": "b1"}


def test_a_joined_cube_has_a_valid_stac_item_that_names_the_cubes_it_is_joined_from_and_their_items(regions, continent):
    west = Cube.open(regions[0])
    theirs = {"id": "west-2024-05-01", "properties": {}}
    west.files.write("stac/west-2024-05-01.json", json.dumps(theirs))
    report = join(continent, regions)
    (file,) = (continent / "stac").iterdir()
    assert validate_dict(json.loads(file.read_text()), extensions=[])
    item = pystac.Item.from_file(file)
    assert (file.name, item.id, item.properties["version"]) == (
        "continent-2024-05-01.json",
        "continent-2024-05-01",
        report.version,
    )
    assert item.properties["idgbr:sources"] == [
        {"cube": str(region), "version": cube.version} for region, cube in zip(regions, report.cubes, strict=True)
    ]
    links = [link.href for link in item.links if link.rel == "derived_from"]
    assert links == [str(regions[0] / "stac" / "west-2024-05-01.json")]
    assert item.bbox == pytest.approx(degrees(Window(0, 0, 256, 1100)), abs=1e-3)
    publish_region(regions[1], EAST, editions={(0, 3): 1})
    again = join(continent, regions)
    (item,) = map(pystac.Item.from_file, (continent / "stac").iterdir())
    assert item.properties["version"] == again.version != report.version
    assert item.properties["idgbr:sources"][1]["version"] == again.cubes[1].version


def test_an_update_of_the_blocks_that_two_regions_have_does_not_turn_the_others_of_the_overlap(regions, continent):
    """Newest is the block, not the version: one changed block of the west does not make all of the west newer."""
    first = join(continent, regions)
    before = source_blocks(continent)
    publish_region(regions[0], WEST, editions={(0, 1): 1})
    report = join(continent, regions)
    turned = {block for block, name in source_blocks(continent).items() if before[block] != name}
    assert report.copied == sum(each.copied for each in report.cubes) <= 1
    assert turned <= {(0, 1)}
    assert report.seams[0].equal < first.seams[0].equal


def test_of_two_maps_that_lie_equally_deep_the_newest_or_the_most_observed_is_taken(tmp_path, continent):
    """Regions of one window, so that nothing but the preference decides."""
    layout = layout_of((0, 0, 256, 512))
    publish_region(tmp_path / "old", layout, clear=9)
    publish_region(tmp_path / "new", layout, clear=3)
    cubes = [tmp_path / "old", tmp_path / "new"]
    join(continent, cubes)
    assert set(source_blocks(continent).values()) == {"new"}
    report = join(continent, cubes, prefer="most-observed")
    assert report.copied == 2
    assert set(source_blocks(continent).values()) == {"old"}


def test_a_map_of_seen_ground_comes_before_a_newer_one_that_saw_nothing(tmp_path, continent):
    layout = layout_of((0, 0, 256, 256))
    publish_region(tmp_path / "seen", layout)
    publish_region(tmp_path / "cloudy", layout, state=EMPTY)
    join(continent, [tmp_path / "cloudy", tmp_path / "seen"])
    assert source_blocks(continent) == {(0, 0): "seen"}


def test_a_block_that_no_region_holds_whole_is_taken_from_the_one_with_more_of_it_and_what_is_cut_is_told(
    tmp_path, continent
):
    publish_region(tmp_path / "west", layout_of((0, 0, 256, 400)))
    publish_region(tmp_path / "east", layout_of((0, 380, 256, 768)))
    report = join(continent, [tmp_path / "east", tmp_path / "west"])
    assert source_blocks(continent) == {(0, 0): "west", (0, 1): "west", (0, 2): "east"}
    assert (report.cut, report.cut_pixels) == (1, 256 * 112)
    assert report.seams[0].pixels == 256 * 20


@pytest.mark.long
def test_periods_come_by_their_days_whichever_region_has_them(regions, continent):
    publish_region(regions[1], EAST, period=NEXT)
    report = join(continent, regions)
    assert open_cube(continent).sizes["time"] == 2
    assert report.copied == 5 + 4
    joined = open_cube(continent)
    assert not joined.landcover.values[1][:, :256].any()
    assert np.array_equal(joined.landcover.values[1][:, 256:512], world("landcover", (0, 1)))


def test_blocks_that_no_region_has_any_more_are_emptied_and_a_region_left_out_must_be_let_go(regions, continent):
    west, east = regions
    join(continent, regions)
    publish_region(west, WEST, without=((0, 0),))
    report = join(continent, regions)
    assert (report.copied, report.emptied) == (0, 1)
    group = group_of(continent)
    assert not open_cube(continent).landcover.values[0][:, :256].any()
    assert not np.asarray(array(group, "blocks/pixels"))[0, 0, 0].any()
    assert source_of(group, 0, (0, 0)) is None
    with pytest.raises(UserError, match=f"has blocks of {west}, which is not named; name it too, or .*--drop"):
        join(continent, [east])
    report = join(continent, [east], drop=True)
    assert (report.copied, report.emptied) == (1, 0)
    assert set(source_blocks(continent).values()) == {None, "east"}
    assert join(continent, [east]).published is False


def test_a_cube_that_gave_no_block_can_be_left_out_and_one_that_was_let_go_is_not_asked_for(regions, continent):
    west, east = regions
    publish_region(west, WEST, without=[(0, 0), (0, 1), (0, 2)])
    report = join(continent, regions)
    assert [each.blocks for each in report.cubes] == [0, 4]
    assert join(continent, [east]).published is False
    assert join(continent, [east], drop=True).published is False
    assert join(continent, [east]).published is False


@pytest.mark.long
def test_a_region_within_the_window_can_come_later_and_one_beyond_it_is_refused(tmp_path, regions, continent, made):
    west, east = regions
    with pytest.raises(UserError, match=f"{east} reaches beyond the window .* --bbox WEST,SOUTH,EAST,NORTH"):
        join(continent, regions, bbox=degrees(Window(0, 0, 256, 1099)))
    assert not continent.exists()
    join(continent, [west])
    with pytest.raises(UserError, match=f"{east} reaches beyond the window"):
        join(continent, regions)
    wide = tmp_path / "wide"
    join(wide, [west], bbox=degrees(Window(0, 0, 256, 1100)))
    report = join(wide, regions)
    assert report.copied == 3
    assert_equal_arrays(arrays_of(wide), arrays_of(made / "whole"))


@pytest.mark.long
def test_a_join_that_is_killed_goes_on_to_the_same_bytes(tmp_path, regions, continent):
    publish_region(regions[1], EAST, period=NEXT)
    script = (
        "import os, signal, sys; from pipeline import join\n"
        "join(sys.argv[1], sys.argv[2:], progress=lambda *_: os.kill(os.getpid(), signal.SIGKILL))"
    )
    done = subprocess.run([sys.executable, "-c", script, continent, *regions], check=False)
    assert done.returncode == -signal.SIGKILL
    assert versions.history(Cube.open(continent)) == []
    report = join(continent, regions)
    assert 0 < report.copied < 9
    join(tmp_path / "other", regions)
    assert_equal_arrays(arrays_of(continent, without=()), arrays_of(tmp_path / "other", without=()))
    assert Cube.open(continent).repository.list_branches() == {"main"}


def test_a_damaged_shard_of_a_region_refuses_the_join_and_names_cube_and_block(tmp_path, regions, continent):
    _, east = regions
    join(continent, regions)
    before = arrays_of(continent, without=())
    shards = chunk_files(east, lambda: publish_region(east, EAST, editions={(0, 4): 1}))
    flip_bit(max(shards, key=lambda path: path.stat().st_size))
    with pytest.raises(RunError, match=rf"the cube at {east} is damaged: mosaic, block \(0, 4\).*join again"):
        join(continent, regions)
    assert_equal_arrays(arrays_of(continent, without=()), before)


@pytest.mark.long
def test_damage_to_the_continent_is_healed_by_joining_again(regions, continent):
    first = join(continent, regions)
    before = arrays_of(continent, without=())
    for path in (continent / "store" / "chunks").iterdir():
        if path.stat().st_size > 20_000:
            flip_bit(path)
    damaged = check(Cube.open(continent), first.version)
    assert damaged.damage
    with Cube.open(continent).lease("heal", first.version) as held:
        heal(held, damaged.damage.values())
    report = join(continent, regions)
    assert report.published
    assert report.copied == 5
    assert check(Cube.open(continent), report.version).sound
    assert_equal_arrays(arrays_of(continent, without=()), before)


@pytest.mark.long
def test_shards_of_another_encoding_are_decoded(tmp_path, monkeypatch, made, continent):
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.cube.create.BloscCodec", lambda **_: BloscCodec(cname="lz4"))
        publish_region(tmp_path / "other", OVER_ALL)
    decoded = join(continent, [tmp_path / "other"])
    copied = join(tmp_path / "copied", [made / "whole"])
    assert_equal_arrays(arrays_of(continent), arrays_of(tmp_path / "copied"))
    assert decoded.bytes == 5 * 256**2 * (2 + 5 + 2 * 2)
    assert copied.bytes < 0.8 * decoded.bytes


def test_no_run_maps_into_a_joined_cube_and_no_join_into_one_that_a_run_maps(regions, continent):
    join(continent, regions)
    group = group_of(continent)
    with pytest.raises(UserError, match="joined from others by 'idgbr join'; name another"):
        check_layout(group, Layout.of(group), SUMMER)
    with pytest.raises(UserError, match=f"{regions[0]} is a cube that runs map"):
        join(regions[0], [regions[1]])


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (layout_of((0, 0, 256, 256), grid=Grid("EPSG:3035", 10, 256)), "has CRS EPSG:3035, but .*west has EPSG:6933"),
        (layout_of((0, 0, 256, 256), grid=Grid("EPSG:6933", 20, 256)), "has resolution 20, but .*west has 10"),
        (layout_of((0, 0, 512, 512), grid=Grid("EPSG:6933", 10, 512)), "has block size 512, but .*west has 256"),
        (layout_of((0, 0, 256, 256), bands=("blue",)), "has bands blue, but .*west has red"),
        (layout_of((0, 0, 256, 256), classes=CLASSES[:2]), "has classes .*, but .*west has "),
    ],
)
def test_cubes_of_another_grid_or_class_table_are_refused(tmp_path, continent, made, other, says):
    cube = Cube.create(tmp_path / "other")
    session = cube.repository.writable_session("main")
    add_period(zarr.open_group(session.store), other, SUMMER)
    session.commit("made", metadata={"published": True})
    with pytest.raises(UserError, match=f"other {says}"):
        join(continent, [made / "west", tmp_path / "other"])
    assert not continent.exists()


@pytest.mark.long
def test_processes_of_dask_copy_what_threads_copy(tmp_path, regions, continent):
    report = join(continent, regions, dask="processes")
    assert report.copied == 5
    join(tmp_path / "other", regions)
    assert_equal_arrays(arrays_of(continent, without=()), arrays_of(tmp_path / "other", without=()))


@pytest.mark.long
def test_cubes_on_object_storage_are_joined_like_those_in_folders(s3, tmp_path, regions, continent):
    bucket = s3.bucket(f"join-{os.getpid()}")
    publish_region(f"{bucket}/east", EAST)
    report = join(f"{bucket}/continent", [regions[0], f"{bucket}/east"])
    assert report.copied == 5
    join(continent, regions)
    assert_equal_arrays(arrays_of(f"{bucket}/continent"), arrays_of(continent))
    assert pipeline.join(f"{bucket}/continent", [regions[0], f"{bucket}/east"]).published is False


def quarters(world, side, over):
    """A square around a corner of blocks in the middle of a world, and its quarters, which reach over each other."""
    left, bottom, right, top = transformer("EPSG:3035", GRID.crs).transform_bounds(*world.bounds)
    middle = -(bottom + top) / 2, (left + right) / 2
    row, col = (round(at / GRID.resolution / GRID.block) * GRID.block for at in middle)
    parts = [
        Window(row - up, col - west, row - up + side + over, col - west + side + over)
        for up in (side, over)
        for west in (side, over)
    ]
    return Window(row - side, col - side, row + side, col + side), parts


@pytest.mark.long
def test_four_regional_runs_joined_have_the_bytes_of_one_run_over_all(tmp_path, region_of, world, model):
    settings = IDGBRPipeline.from_pretrained(model).settings
    whole, parts = quarters(world, 130, reach(settings.window, settings.boundary_radius))
    grid = {"crs": GRID.crs, "resolution": 10, "block": 256}
    windows = [whole, *parts]
    regions = [region_of(f"region{n}", grid=grid, bbox=list(degrees(window))) for n, window in enumerate(windows)]
    assert [region.extent.window for region in regions] == windows
    for region in regions:
        run(region)
    report = join(tmp_path / "continent", [region.cube for region in regions[1:]])
    assert [each.copied for each in report.cubes] == [1, 1, 1, 1]
    joined, expected = open_cube(tmp_path / "continent"), open_cube(regions[0].cube)
    for name in (*ARRAYS, "first_clear", "last_clear"):
        assert joined[name].values.tobytes() == expected[name].values.tobytes(), name

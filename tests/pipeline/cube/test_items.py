"""STAC items name the newest version, whatever a rollback, a pruning or an interruption left there."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from made_versions import ORIGIN, SUMMER, mapped, plain

from pipeline.cube import tags, versions
from pipeline.cube.cube import Cube
from pipeline.cube.damage import Damage
from pipeline.cube.heal import heal
from pipeline.cube.items import item_of_period, item_of_run, publish_items
from pipeline.cube.retention import prune
from pipeline.errors import RunError

WINTER = date(2024, 11, 1), date(2024, 12, 31)


@pytest.fixture
def cube(tmp_path):
    return Cube.create(tmp_path / "cube")


def published(cube, run, period=SUMMER, runs=True):
    """A version, the item that its run left, and the cube's items."""
    branch, _, base = mapped(cube, plain(), period, run)
    start = str(period[0])
    item = {"id": f"here-{start}", "properties": {"version": branch, "scenes": [run]}}
    cube.files.write(item_of_run(run), json.dumps(item))
    made_by = {**versions.runs_of(cube, base), start: run} if runs else None
    version = versions.publish(cube, branch, base, replace(ORIGIN, run=run, runs=made_by))
    publish_items(cube)
    return version


def items(cube):
    """(version, scenes) of each item, by its file."""
    read = {name: json.loads(cube.files.read(name))["properties"] for name in cube.files.list("stac")}
    return {name: (properties["version"], properties["scenes"]) for name, properties in read.items()}


NO_ASSETS = '{"id": "x", "properties": {}, "assets": null}'
SUMMERS, WINTERS = "stac/here-2024-05-01.json", "stac/here-2024-11-01.json"


def test_items_of_all_periods_name_the_newest_version_and_the_scenes_of_their_own_run(cube):
    first = published(cube, "a")
    assert items(cube) == {SUMMERS: (first, ["a"])}
    second = published(cube, "b", WINTER)
    assert items(cube) == {SUMMERS: (second, ["a"]), WINTERS: (second, ["b"])}
    third = published(cube, "c")
    assert items(cube) == {SUMMERS: (third, ["c"]), WINTERS: (third, ["b"])}


def test_after_a_rollback_items_name_the_version_it_made_and_the_scenes_of_the_older_map(cube):
    first, _, _ = (published(cube, "a"), published(cube, "b"), published(cube, "c", WINTER))
    back = versions.rollback(cube, first, lambda: publish_items(cube))
    assert items(cube) == {SUMMERS: (back, ["a"])}
    again = versions.rollback(cube, "previous", lambda: publish_items(cube))
    assert items(cube) == {SUMMERS: (again, ["b"]), WINTERS: (again, ["c"])}


def test_after_a_pruning_items_name_a_version_that_is_there_and_the_scenes_of_pruned_ones(cube):
    published(cube, "a")
    newest = published(cube, "b", WINTER)
    prune(cube, 1, safety=timedelta(0))
    cube.files.remove(SUMMERS)
    publish_items(cube)
    assert items(cube) == {SUMMERS: (newest, ["a"]), WINTERS: (newest, ["b"])}


def test_items_of_a_cube_that_was_moved_name_where_it_is(cube, tmp_path):
    left = {"id": "here-2024-05-01", "properties": {}, "assets": {"cube": {"href": "/old/store", "roles": ["data"]}}}
    version = published(cube, "a")
    cube.files.write(item_of_run("a"), json.dumps(left))
    moved = Cube.open((tmp_path / "cube").rename(tmp_path / "moved"))
    here = {"href": f"{tmp_path}/moved/store", "roles": ["data"]}
    publish_items(moved)
    assert json.loads(moved.files.read(SUMMERS))["assets"]["cube"] == here
    moved.files.remove(SUMMERS)
    assert item_of_period(moved, version, "2024-05-01")["assets"]["cube"] == here


def test_a_tag_changes_no_item(cube):
    first, second = published(cube, "a"), published(cube, "b")
    tags.add(cube, "kept", first)
    tags.remove(cube, "kept")
    assert items(cube) == {SUMMERS: (second, ["b"])}


def test_an_item_of_a_cube_that_does_not_record_its_runs_stays_and_names_the_newest_version(cube):
    published(cube, "a")
    first = versions.head(cube)
    base = versions.start_branch(cube, "run-b")
    mapped(cube, plain(30), SUMMER, "b")
    second = versions.publish(cube, "run-b", base, replace(ORIGIN, run="b"))
    assert second != first
    publish_items(cube)
    assert items(cube) == {SUMMERS: (second, ["a"])}
    publish_items(cube, {"2024-05-01": "a"})
    assert items(cube) == {SUMMERS: (second, ["a"])}


def test_items_of_another_name_or_of_no_period_are_deleted_and_other_files_stay(cube):
    version = published(cube, "a")
    for name in ("stac/old-2024-05-01.json", "stac/here-1999-01-01.json", "stac/collection.json"):
        cube.files.write(name, "{}")
    publish_items(cube)
    assert cube.files.list("stac") == ["stac/collection.json", SUMMERS]
    cube.files.remove("stac/collection.json")
    assert items(cube) == {SUMMERS: (version, ["a"])}


def test_after_a_healing_items_name_the_version_that_is_still_published(cube):
    version = published(cube, "a")
    published_item = json.loads(cube.files.read(SUMMERS))
    heal(cube, [Damage("0/confidence", (0, 1, 2), "")])
    publish_items(cube)
    assert items(cube) == {SUMMERS: (version, ["a"])}
    cube.files.remove(item_of_run("a"))
    assert item_of_period(cube, version, "2024-05-01") == published_item


@pytest.mark.parametrize("damaged", [item_of_run("a"), item_of_run("b")])
@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"id": "../x", "properties": {}}', '{"id": "x"}', NO_ASSETS, "[" * 100_000]
)
def test_a_damaged_item_ends_in_one_sentence_that_names_it(cube, damaged, content):
    published(cube, "a")
    published(cube, "b", WINTER)
    cube.files.write(damaged, content)
    with pytest.raises(RunError, match=f"item {damaged} .* is damaged; delete it"):
        publish_items(cube)


@pytest.mark.parametrize("asked", ["previous", "version"])
def test_a_rollback_whose_items_cannot_be_written_is_told_and_the_same_call_mends_them(cube, tmp_path, asked):
    first, second = published(cube, "a"), published(cube, "b")
    asked = first if asked == "version" else asked
    stac, aside = tmp_path / "cube" / "stac", tmp_path / "aside"
    stac.rename(aside)
    stac.write_text("no folder")

    def roll_back():
        return versions.rollback(cube, asked, lambda: publish_items(cube))

    for _ in range(2):
        with pytest.raises(RunError, match="cannot be used"):
            roll_back()
    stac.unlink()
    aside.rename(stac)
    assert items(cube) == {SUMMERS: (second, ["b"])}
    back = roll_back()
    assert items(cube) == {SUMMERS: (back, ["a"])}
    assert versions.origin_of(cube, back).rolled_back_to == first
    assert len(versions.history(cube)) == 3
    assert cube.repository.list_branches() == {"main"}
    assert versions.origin_of(cube, versions.rollback(cube, "previous")).run == "b"

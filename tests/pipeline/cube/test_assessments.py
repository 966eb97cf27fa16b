"""Accuracies that are kept with versions: files, STAC items, pruning, damage. Covers estimates and history."""

import json
from dataclasses import asdict, replace
from datetime import date, timedelta

import pytest
from made_versions import ORIGIN, SUMMER, mapped, plain

from pipeline.analysis.check import check
from pipeline.cube import assessments, versions
from pipeline.cube.cube import Cube
from pipeline.cube.items import ACCURACY, item_of_period, item_of_run, publish_items
from pipeline.cube.retention import prune
from pipeline.errors import RunError

ESTIMATE = {"value": 0.9, "standard_error": 0.01, "low": 0.8804, "high": 0.9196}
TREE = {"name": "Tree", "users": None, "producers": ESTIMATE, "area": ESTIMATE, "share": ESTIMATE}
TREE |= {"mapped": 4, "reference": 5}
CONTENT = {
    "version": "v",
    "period": "2024-05-01",
    "before": None,
    "points": 9,
    "primary": {
        "units": 9,
        "overall": ESTIMATE,
        "classes": [TREE],
    },
}


@pytest.fixture
def cube(tmp_path):
    return Cube.create(tmp_path / "cube")


def published(cube, run):
    branch, _, base = mapped(cube, plain(), SUMMER, run)
    cube.files.write(item_of_run(run), json.dumps({"id": "here-2024-05-01", "properties": {}}))
    version = versions.publish(cube, branch, base, replace(ORIGIN, run=run, runs={"2024-05-01": run}))
    publish_items(cube)
    return version


def kept(cube, version, before=None):
    content = CONTENT | {"before": None if before is None else str(before)}
    name = assessments.write(cube, version, SUMMER[0], before, json.dumps(content))
    publish_items(cube)
    return name


def item(cube):
    return json.loads(cube.files.read("stac/here-2024-05-01.json"))


def test_an_accuracy_is_read_back_with_its_version_alone(cube):
    first = published(cube, "a")
    name = kept(cube, first)
    (found,) = assessments.of_version(cube, first)
    assert (found.file, found.points, found.before) == (name, 9, None)
    assert asdict(found.overall) == ESTIMATE
    assert str(found) == "accuracy from 2024-05-01 90.0 % (88.0 to 92.0)"
    assert assessments.of_version(cube, published(cube, "b")) == []


def test_one_of_the_same_periods_replaces_it_and_one_of_change_stands_beside_it(cube):
    version = published(cube, "a")
    names = {kept(cube, version), kept(cube, version), kept(cube, version, date(2023, 5, 1))}
    assert {found.file for found in assessments.of_version(cube, version)} == names
    assert len(names) == 2


def test_the_item_of_its_period_tells_it_until_a_newer_version_is_published(cube):
    version = published(cube, "a")
    assert ACCURACY not in item(cube)["properties"]
    name = kept(cube, version)
    (told,) = item(cube)["properties"][ACCURACY]
    assert told["overall"] == CONTENT["primary"]["overall"]
    assert item(cube)["assets"]["accuracy"]["href"] == f"{cube.location}/{name}"
    published(cube, "b")
    assert ACCURACY not in item(cube)["properties"]
    assert "accuracy" not in item(cube).get("assets", {})
    versions.rollback(cube, version, lambda: publish_items(cube))
    assert item(cube)["properties"][ACCURACY] == [told]


def test_the_item_of_an_older_version_tells_the_accuracy_of_that_version(cube):
    first = published(cube, "a")
    name = kept(cube, first)
    second = published(cube, "b")
    older = item_of_period(cube, first, "2024-05-01")
    assert [told["file"] for told in older["properties"][ACCURACY]] == [name]
    assert older["assets"]["accuracy"]["href"] == f"{cube.location}/{name}"
    assert ACCURACY not in item_of_period(cube, second, "2024-05-01")["properties"]


def test_an_item_without_a_run_of_its_own_loses_the_accuracy_of_an_older_version(cube):
    kept(cube, published(cube, "a"))
    branch, _, base = mapped(cube, plain(30), SUMMER, "b")
    versions.publish(cube, branch, base, replace(ORIGIN, run="b"))
    publish_items(cube)
    assert ACCURACY not in item(cube)["properties"]
    assert "accuracy" not in item(cube).get("assets", {})


def test_pruning_deletes_those_of_expired_versions_but_not_of_one_that_stands_again(cube):
    first, second, third = (published(cube, run) for run in "abc")
    names = [kept(cube, version) for version in (first, second, third)]
    versions.rollback(cube, second, lambda: publish_items(cube))
    prune(cube, 1, safety=timedelta(0))
    assert cube.files.list("accuracy") == [names[1]]


def test_a_damaged_file_is_told_by_history_and_by_check(cube):
    version = published(cube, "a")
    name = kept(cube, version)
    for content in ("", "[]", '{"period": 1}'):
        cube.files.write(name, content)
        with pytest.raises(RunError, match=r"accuracy/.* is damaged .* 'idgbr accuracy' estimates and writes it anew"):
            assessments.of_version(cube, version)
    cube.files.write(name, "{")
    assert [sentence for sentence in check(cube, version).files if name in sentence]

"""The rooms: imports run down the list of floors, no two modules import each other, nothing stands outside."""

import re
import subprocess
from pathlib import Path

import pytest
from rooms import FLOORS, ROOT, TOP, circle, imports, untested, violations, with_picture

ELSEWHERE = {
    "cluster/events.py": "tests/cluster/test_pool.py",
    "pipeline/training/recipe.py": "tests/pipeline/training/test_train.py",
}
"""Modules -> the test file that covers them without naming them."""


def _tree(folder: Path, **texts: str) -> Path:
    """Modules written as `pipeline__cube__store="import x"` under `folder`, each folder a package."""
    for name, text in texts.items():
        file = folder.joinpath(*name.split("__")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for inner in [path for path in folder.rglob("*") if path.is_dir()]:
        (inner / "__init__.py").touch()
    return folder


def test_every_import_runs_down_the_floors():
    assert violations(imports(ROOT)) == []


def test_no_modules_import_each_other_in_a_circle():
    assert " -> ".join(circle(imports(ROOT))) == ""


def test_every_room_of_the_floors_is_a_folder_or_a_module():
    there = {path.stem for path in (ROOT / "pipeline").iterdir()}
    assert {room for floor in FLOORS for room in floor} <= there


def test_the_page_of_the_design_says_what_every_room_is_for():
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / "docs/design.md").read_text(), re.MULTILINE)
    told = set(re.findall(r"`(\w+)`", " ".join(rows)))
    assert told == {room for floor in FLOORS for room in floor if (ROOT / "pipeline" / room).is_dir()}


@pytest.mark.parametrize(
    "text",
    [
        "import pipeline.execution.run",
        "from pipeline.execution import run",
        "from pipeline.execution.run import run",
        "def late():\n    from pipeline.execution.run import run",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pipeline.execution.run import run",
        "from ..execution import run",
        "from ..execution.run import run",
    ],
)
def test_an_import_upwards_is_seen_wherever_it_stands(tmp_path, text):
    root = _tree(tmp_path, pipeline__cube__store=text, pipeline__execution__run="")
    assert violations(imports(root)) == [
        "pipeline.cube.store imports pipeline.execution.run: execution is not below cube"
    ]


def test_rooms_of_one_floor_do_not_import_each_other_but_the_command_starts_the_demo(tmp_path):
    root = _tree(
        tmp_path,
        pipeline__cli__runs="from pipeline import demo",
        pipeline__demo="",
        pipeline__config__region="from pipeline.raster import read",
        pipeline__raster__read="",
    )
    assert violations(imports(root)) == [
        "pipeline.config.region imports pipeline.raster.read: raster is not below config"
    ]


def test_a_room_does_not_import_the_package_that_holds_it(tmp_path):
    root = _tree(tmp_path, pipeline__cube__store="from pipeline import open_cube")
    assert violations(imports(root)) == ["pipeline.cube.store imports pipeline: pipeline is not below cube"]


def test_a_foundation_imports_no_other_package(tmp_path):
    root = _tree(tmp_path, cluster__pool="def late():\n    import catalogs.scene", catalogs__scene="")
    assert violations(imports(root)) == ["cluster.pool imports catalogs.scene: a foundation imports no other package"]


def test_a_room_without_a_floor_is_named(tmp_path):
    root = _tree(tmp_path, pipeline__attic__box="")
    assert {line.split(";")[0] for line in violations(imports(root))} == {
        "pipeline.attic: the room attic has no floor",
        "pipeline.attic.box: the room attic has no floor",
    }


def test_a_circle_is_seen_although_one_half_is_late(tmp_path):
    root = _tree(tmp_path, cluster__a="import cluster.b", cluster__b="def late():\n    from cluster import a")
    assert set(circle(imports(root))) == {"cluster.a", "cluster.b"}


def test_the_top_level_holds_no_other_folder():
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    folders = {line.split("/")[0] for line in listing.stdout.splitlines() if "/" in line}
    assert {folder for folder in folders if not folder.startswith(".")} <= TOP


def test_every_module_has_a_test_file_of_its_name_or_one_that_names_it():
    assert [file for file in untested(ROOT) if file not in ELSEWHERE] == []
    assert all((ROOT / test).is_file() for test in ELSEWHERE.values())


def test_a_module_counts_as_tested_by_the_name_of_a_file_or_by_a_docstring_in_its_room_or_above(tmp_path):
    _tree(
        tmp_path, pipeline__cube__store="", pipeline__cube__tags="", pipeline__cube__schema="", pipeline__cube__read=""
    )
    tests = _tree(tmp_path / "tests", pipeline__cube__test_store="", pipeline__cube__test_all="", pipeline__test_it="")
    (tests / "pipeline/cube/test_all.py").write_text('"""Covers tags."""\nschema = 1')
    (tests / "pipeline/test_it.py").write_text('"""Covers pipeline.cube.schema, and what is already there."""')
    assert untested(tmp_path) == ["pipeline/cube/read.py"]


def test_the_picture_of_the_rooms_is_up_to_date():
    page = (ROOT / "CONTRIBUTING.md").read_text()
    assert page == with_picture(page, imports(ROOT)), "run `make rooms`"

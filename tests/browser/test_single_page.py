"""The page of `idgbr export --html`, opened from the disk in headless Chromium beside the served one (`single.js`)."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from served_page import cube_of_two_versions, serving_page

from pipeline.cube.cube import Cube
from pipeline.serve.single_page import export_page

HERE = Path(__file__).parent
MISSING = [
    what
    for what, there in (
        ("Node.js", shutil.which("node")),
        ("Chromium", shutil.which("chromium")),
        ("playwright-core", (HERE / "node_modules/playwright-core").exists()),
    )
    if not there
]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"there is no {', '.join(MISSING)}: see tests/browser/run")


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("single")
    cube = cube_of_two_versions(folder)
    export_page(Cube.open(cube), folder / "map.html")
    with serving_page(cube) as address:
        command = ["node", "single.js", folder / "map.html", address, folder]
        walk = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert walk.returncode == 0, walk.stderr
    return json.loads(walk.stdout)


def test_it_loads_nothing_but_itself_and_the_console_is_free_of_errors(seen):
    assert (seen["loaded"], seen["errors"]) == ([], [])


def test_its_pixels_are_those_of_the_served_page(seen):
    assert len(seen["pixels"]) == 5
    for shown, (of_file, served) in seen["pixels"].items():
        assert of_file == served, shown
    assert len({served for _, served in seen["pixels"].values()}) == 5


def test_coarse_and_refined_are_compared_and_a_class_hidden(seen):
    assert seen["sides"] == ["Coarse", "Refined"]
    assert seen["hiding_changes_the_map"]
    assert seen["showing_all_restores_it"]


def test_it_tells_place_areas_and_attribution(seen):
    for words in ("Confidence", "History", "2024-05-01 to 2024-08-31", "Run"):
        assert words in seen["place"]
    assert "km² mapped in the region of this page, 2024-05-01 to 2024-08-31" in seen["areas"]
    assert "mapped by idgbr" in seen["about"]

"""The page of `idgbr export --html`, opened from the disk in headless Chromium beside the served one (`single.js`)."""

import pytest
from chromium import needs, package, walked
from served_page import cube_of_two_versions, serving_page

from pipeline.cube.cube import Cube
from pipeline.serve.single_page import export_page

pytestmark = needs(playwright=package("playwright-core"))


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("single")
    cube = cube_of_two_versions(folder)
    export_page(Cube.open(cube), folder / "map.html")
    with serving_page(cube) as address:
        return walked("single.js", folder / "map.html", address, folder)


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

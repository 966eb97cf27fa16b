"""The page of `idgbr export --html`, opened from the disk in headless Chromium beside the served one.

`single.js` uses one of a mapped region, `periods.js` one of two periods."""

from dataclasses import replace
from datetime import date

import made_maps
import made_versions
import pytest
from chromium import needs, package, walked
from made_maps import patches, publish
from made_versions import SUMMER
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


@pytest.fixture(scope="module")
def two_periods(tmp_path_factory):
    folder, first, second = tmp_path_factory.mktemp("periods"), SUMMER, (date(2025, 5, 1), date(2025, 8, 31))
    with pytest.MonkeyPatch.context() as patch:
        colours = ("#0a7d2c", "#c8e04b", "#0064c8")
        classes = tuple({**row, "color": color} for row, color in zip(made_versions.CLASSES, colours, strict=True))
        for module in (made_versions, made_maps):
            patch.setattr(module, "LAYOUT", replace(made_versions.LAYOUT, classes=classes))
        cube = Cube.create(folder / "cube")
        publish(cube, patches())
        publish(cube, patches(2), second, "b")
    export_page(cube, folder / "map.html", names=["coarse", "confidence", "refined"])
    with serving_page(folder / "cube") as address:
        days = str(first[0]), str(second[0])
        return walked("periods.js", folder / "map.html", address, folder, *days)


def test_each_of_two_periods_and_what_changed_are_shown_as_on_the_served_page(two_periods):
    assert two_periods["errors"] == []
    assert len(two_periods["pixels"]) == 3
    for shown, (of_file, served) in two_periods["pixels"].items():
        assert of_file == served, shown
    assert len({served for _, served in two_periods["pixels"].values()}) == 3


def test_an_export_without_a_mosaic_has_nothing_under_its_classes_and_nothing_to_say(two_periods):
    assert two_periods["said"] == ""
    assert two_periods["linked"].startswith("#")


def test_periods_are_chosen_and_compared_and_a_place_tells_both(two_periods):
    for what in ("period_changes_the_map", "and_back", "change_is_shown"):
        assert two_periods[what], what
    assert two_periods["sides"] == ["2024-05-01 to 2024-08-31", "2025-05-01 to 2025-08-31"]
    for period in two_periods["sides"]:
        assert period in two_periods["place"]
    assert "km² mapped in the region of this page, 2025-05-01 to 2025-08-31" in two_periods["areas"]

"""The page of `idgbr serve` in headless Chromium: every control is used, by mouse and keyboard (`walk.js`)."""

import shutil
import subprocess
from pathlib import Path

import pytest
from chromium import needs, package, walked
from served_page import cube_of_two_versions, serving_page

PAGE = Path(__file__).parents[2] / "pipeline/serve/page"
pytestmark = needs(playwright=package("playwright-core"), MapLibre=PAGE / "node_modules/maplibre-gl")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving_page(cube_of_two_versions(tmp_path_factory.mktemp("page"))) as address:
        yield address


@pytest.fixture(scope="module")
def seen(served, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    return walked("walk.js", served, folder)


def test_the_console_is_free_of_errors_and_no_other_host_is_asked(seen):
    assert (seen["errors"], seen["outside"], seen["failed"]) == ([], [], [])


def test_every_layer_and_the_legend_change_the_map(seen):
    changed = [name for name in seen if name.endswith("_the_map")]
    assert len(changed) == 4
    assert all(seen[name] for name in changed)
    assert seen["hidden"] == "false"
    assert seen["showing_all_restores_it"]
    assert seen["difference"].startswith("version:")


def test_the_border_of_a_comparison_is_moved_by_keys(seen):
    assert seen["swipe"] == "10"


def test_a_click_tells_class_history_and_provenance(seen):
    for words in ("Confidence", "History", "2024-05-01 to 2024-08-31", "Run", "Scenes"):
        assert words in seen["place"]


def test_areas_are_those_of_the_view_or_of_what_is_drawn(seen):
    assert seen["areas"] > 2
    assert "mapped in the area" in seen["drawn"]


def test_a_polygon_comes_from_a_file_that_is_chosen_or_dropped(seen):
    assert "mapped in the area" in seen["chosen"]
    assert "mapped in the area" in seen["dropped"]
    assert seen["chosen"] != seen["dropped"]


def test_the_version_slider_shows_another_version_and_its_comparisons(seen):
    newest, oldest = (
        [value for value in seen[f"swipes_of_{which}"] if value.startswith("version ")]
        for which in ("newest", "oldest")
    )
    assert len(newest) == len(oldest) == 1
    assert newest != oldest
    assert seen["back"]


def test_what_lies_over_the_classes_has_the_legend_of_the_server(seen):
    assert all(words in seen["refined_legend"] for words in ("class confirmed", "class changed"))
    assert all(words in seen["confidence_legend"] for words in ("0 %", "50 %", "100 %"))


def test_a_link_keeps_what_is_shown(seen):
    assert seen["link_keeps"]


def test_all_is_reached_by_keyboard(seen):
    assert {"time", "layers", "legend", "areas", "place", "accuracy", "maplibregl-canvas"} <= set(seen["walked"])


def test_axe_finds_nothing_in_light_and_dark(seen):
    assert seen["axe"] == {"light": [], "dark": []}


def test_on_a_phone_scale_and_attribution_lie_side_by_side_within_the_map(seen):
    corners = seen["phone_corners"]
    assert corners["scale_ends"] < corners["attribution_begins"] < corners["attribution_ends"] <= 390


def test_the_bundle_is_what_its_sources_give(tmp_path):
    made = tmp_path / "page"
    shutil.copytree(PAGE, made, ignore=shutil.ignore_patterns("node_modules", "assets"))
    (made / "node_modules").symlink_to(PAGE / "node_modules")
    subprocess.run(["node", "build.js"], cwd=made, check=True)
    names = {file.name for file in (PAGE / "assets").iterdir()}
    assert {file.name for file in (made / "assets").iterdir()} == names
    for name in names:
        assert (made / "assets" / name).read_bytes() == (PAGE / "assets" / name).read_bytes(), name

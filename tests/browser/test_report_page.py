"""The page of a run in headless Chromium, as wide as a phone and as a desk (`report.js`)."""

import pytest
from chromium import needs, package, walked
from served_page import cube_of_two_versions

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.execution.report_page import page_file

pytestmark = needs(playwright=package("playwright-core"))


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    cube = Cube.open(cube_of_two_versions(folder))
    newest = versions.history(cube)[0].origin.run
    return walked("report.js", cube.location / page_file(newest), folder)


def test_it_loads_nothing_and_the_console_is_free_of_errors(seen):
    assert (seen["loaded"], seen["errors"]) == ([], [])


def test_it_never_scrolls_sideways_and_no_word_of_a_table_is_broken(seen):
    for width in ("360", "1280"):
        assert seen[width]["beyond"] == 0
        assert seen[width]["words"] > 50
        assert seen[width]["broken"] == []


def test_everyone_can_read_it(seen):
    assert (seen["360"]["axe"], seen["1280"]["axe"]) == ([], [])

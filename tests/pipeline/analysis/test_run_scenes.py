import json

import pytest
from made_items import made_item

from pipeline.analysis.run_scenes import scenes_of
from pipeline.scenes.item_list import write_items
from pipeline.storage.files import files_at

WEST, EAST, UNUSED = (
    made_item(name, bounds=bounds)
    for name, bounds in (("a", (15, 46, 16, 47)), ("b", (15.5, 46, 17, 47)), ("c", (15, 46, 17, 47)))
)


@pytest.fixture
def files(tmp_path):
    files = files_at(tmp_path)
    used = [{"id": item["id"], "datetime": item["properties"]["datetime"]} for item in (EAST, WEST)]
    write_items(files, "runs/r/scenes.parquet", [WEST, UNUSED, EAST])
    files.write("runs/r/applied.json", json.dumps({"used": used}))
    return files


def test_the_scenes_of_a_point_are_those_used_whose_footprint_holds_it(files):
    found, when = scenes_of(files.location, "v", "r"), WEST["properties"]["datetime"]
    assert found.at(15.2, 46.5) == {"a": when}
    assert list(found.at(15.7, 46.5)) == ["a", "b"]
    assert list(found.at(16.0, 46.5)) == ["a", "b"], "its edge is the footprint's too"
    assert found.at(20, 46.5) == {}


def test_scenes_of_a_run_whose_files_come_back_are_told_again(files, tmp_path):
    assert scenes_of(files.location, "v", "gone") is None
    (tmp_path / "runs" / "r").rename(tmp_path / "runs" / "gone")
    assert list(scenes_of(files.location, "v", "gone").at(15.2, 46.5)) == ["a"]


def test_scenes_are_read_once_for_a_version(files):
    first = scenes_of(files.location, "v", "r")
    files.write("runs/r/applied.json", json.dumps({"used": []}))
    assert scenes_of(files.location, "v", "r") is first
    assert scenes_of(files.location, "run again", "r").at(15.2, 46.5) == {}

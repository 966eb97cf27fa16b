"""The STAC item of a published version."""

import json
import shutil

import pytest

from pipeline.cube.open import open_cube
from pipeline.errors import RunError
from pipeline.execution.run import run


def test_the_item_names_the_version_its_classes_and_its_scenes(undisturbed):
    region, report = undisturbed
    (path,) = (region.cube / "stac").iterdir()
    item = json.loads(path.read_text())
    start, end = region.period
    assert path.name == f"{region.name}-{start}.json"
    assert item["id"] == f"{region.name}-{start}"
    assert item["properties"]["start_datetime"].startswith(str(start))
    assert item["properties"]["end_datetime"].startswith(str(end))
    text = json.dumps(item)
    assert report.version in text
    assert all(row["name"] in text for row in json.loads(open_cube(region.cube).attrs["classes"]))


def test_items_that_cannot_be_written_are_told_and_written_by_the_same_call(region_of, undisturbed):
    region = region_of("unwritten")
    shutil.copytree(undisturbed[0].cube, region.cube)
    (item,) = (region.cube / "stac").iterdir()
    shutil.rmtree(region.cube / "stac")
    (region.cube / "stac").write_text("no folder")
    with pytest.raises(RunError, match=r"cannot be used .*; mend that and run again"):
        run(region)
    (region.cube / "stac").unlink()
    run(region)
    assert json.loads(item.read_text())["properties"]["version"] == undisturbed[1].version


def test_what_was_written_after_publishing_is_made_up_for_by_the_next_run(region_of):
    region = region_of("unreported")
    report = run(region)
    (item,) = (region.cube / "stac").iterdir()
    written = item.read_text()
    assert f"{region.cube}/store" in written
    (region.cube / "runs" / report.run / "report.json").unlink()
    item.unlink()
    run(region)
    assert item.read_text() == written
    assert (region.cube / "runs" / report.run / "report.json").is_file()

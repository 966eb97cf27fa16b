"""The page of a run: what it tells of the run and its version, and that its failure fails no run.

Covers reported_run and report_maps.
"""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import zarr
from standalone_html import read_page

from pipeline.analysis.halve import REDUCTIONS
from pipeline.cube import store, versions
from pipeline.cube.cube import Cube
from pipeline.cube.schema import DEGRADED, Layout
from pipeline.errors import UserError
from pipeline.execution import report_maps
from pipeline.execution.report_page import page_file, run_page, write_page


@pytest.fixture
def cube(undisturbed, tmp_path):
    shutil.copytree(undisturbed[0].cube, tmp_path / "cube")
    return Cube.open(tmp_path / "cube")


@pytest.fixture
def second(cube):
    """The id of a second run: of one block, degraded, 50 x 40 pixels became the first class."""
    (first,) = versions.history(cube)
    branch, run = "run-b", "b" * 16
    base = versions.start_branch(cube, branch)
    session = cube.repository.writable_session(branch)
    group = zarr.open_group(session.store)
    layout = Layout.of(group)
    y, x = (part.start for part in layout.extent.window.slices(layout.extent.origin))
    code = layout.classes[0]["code"]
    landcover_HW = np.asarray(store.array(group, "landcover")[0])
    side = layout.extent.grid.block
    corner_HW = landcover_HW[y:side, x:side][:50, :40]
    changed = int((corner_HW != code).sum())
    corner_HW[:] = code
    pixels = [(landcover_HW[:side, :side] == row["code"]).sum() for row in layout.classes]
    store.array(group, "blocks/pixels")[0, 0, 0] = pixels
    store.array(group, "blocks/landcover")[0, 0, 0] = 1
    store.array(group, "blocks/state")[0, 0, 0] = DEGRADED
    for level in range(layout.levels + 1):
        store.array(group, "landcover", level)[0] = landcover_HW
        landcover_HW = REDUCTIONS["landcover"](landcover_HW)
    session.commit("map")
    versions.publish(cube, branch, base, replace(first.origin, run=run, degraded=1, gates={"drift": 0.0312}))
    folder = cube.location / "runs"
    shutil.copytree(folder / first.origin.run, folder / run)
    report = json.loads((folder / run / "report.json").read_text())
    block = [layout.extent.block_range.y0, layout.extent.block_range.x0]
    report |= {"run": run, "degraded": [block], "lost": {"a scene": "403 <b>denied</b>"}}
    report["count"]["degraded"] = 1
    (folder / run / "report.json").write_text(json.dumps(report))
    region = json.loads((folder / run / "region.json").read_text())
    region["catalog"] = "https://catalog.example/v1?sig=secret"
    (folder / run / "region.json").write_text(json.dumps(region))
    return run, changed, block


def test_a_run_leaves_its_page_beside_its_records(undisturbed):
    region, report = undisturbed
    words = read_page((region.cube / page_file(report.run)).read_text()).splitlines()
    assert words[1] == "test: map of 2024-05-01 to 2024-08-31"
    assert f"Version {report.version}" in words[2]
    assert f"by run {report.run}" in words[2]
    for name, km2 in report.areas_km2.items():
        assert words[words.index("share of the mapped area") :].count(f"{km2:,.2f}") >= 1, name
    assert "This is the first version." in words
    at = words.index("actual / estimate")
    assert words[at + 1 : at + 4] == ["mosaic seconds", "not known", f"{report.took.mosaic_seconds:,.4g}"]
    assert f"{report.scenes} scenes" in words
    assert "nothing to compare with" in words


def test_the_page_tells_what_changed_and_what_is_degraded(cube, second):
    run, changed, block = second
    found, text = run_page(cube)
    words = read_page(text).splitlines()
    assert found == run
    assert "1 of 4 blocks were made from other inputs; their pixels are compared one by one." in words
    at = words.index("to", words.index("from"))
    rows = words[at + 2 : words.index("Blocks")]
    assert sum(float(km2) for km2 in rows[2::3]) == pytest.approx(changed * 1e-4)
    assert words[words.index("degraded") + 1] == str(tuple(block))
    assert "degraded: 1" in words
    assert words[words.index("drift") + 1 : words.index("drift") + 4] == ["3.12%", "25.00%", "passed"]
    assert text.count("<image") == 4
    assert "secret" not in text


def test_of_many_blocks_the_coarse_maps_are_compared(cube, second, monkeypatch):
    monkeypatch.setattr(report_maps, "MOST_READ", 0)
    words = read_page(run_page(cube)[1])
    assert "Areas are about, from pixels of" in words
    assert "'idgbr diff CUBE" in words


def test_a_run_of_before_has_its_own_page(cube, second):
    first = versions.history(cube)[-1].origin.run
    assert run_page(cube, first)[1] != run_page(cube)[1]
    with pytest.raises(UserError, match=r"no version with the report of a run nobody; name one of b{16}, \w"):
        run_page(cube, "nobody")


def test_a_page_that_fails_is_told_in_a_sentence_and_nothing_is_raised(cube, second, monkeypatch, capsys):
    run, *_ = second
    (cube.location / "runs" / run / "report.json").write_text("{")
    write_page(cube, run)
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "the map is published, but the page of run" in told
    assert "'idgbr report " in told

"""The report of a run: what it counts, and its JSON."""

import json
import os
from dataclasses import asdict
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
import shapely
import zarr

from pipeline.cube import store
from pipeline.cube.create import add_period
from pipeline.cube.open import open_cube
from pipeline.cube.schema import EMPTY, Layout
from pipeline.execution.report import ProblemCounts, cube_size, problems
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window


def test_the_report_counts_every_mapped_pixel(undisturbed):
    region, report = undisturbed
    landcover = open_cube(region.cube).landcover.values
    assert sum(report.areas_km2.values()) == pytest.approx((landcover > 0).sum() * 1e-4)
    assert report.areas_km2["Tree cover"] == pytest.approx((landcover == 10).sum() * 1e-4)


def test_the_json_of_a_report_is_its_values(undisturbed):
    region, report = undisturbed
    written = json.loads((region.cube / "runs" / report.run / "report.json").read_text())
    assert written == json.loads(json.dumps(asdict(report)))
    assert written["blocks"] == {"new": report.blocks.new, "changed": 0, "same": 0}
    assert written["done"] == {"mosaic": report.blocks.new, "segment": report.blocks.new}
    assert set(written["expected"]) == set(written["took"])
    assert written["count"] == {"degraded": 0, "unseen": report.count.unseen, "thin": report.count.thin}


def test_a_report_counts_its_passes_its_scenes_and_its_bytes(undisturbed):
    region, report = undisturbed
    assert 0 < report.passes.found <= report.passes.expected
    assert report.scenes > 0
    assert report.count == ProblemCounts(0, report.count.unseen, len(report.thin))
    assert report.region_km2 == pytest.approx(open_cube(region.cube).landcover[0].size * 1e-4)
    stored = sum(path.stat().st_size for path in (region.cube / "store").rglob("*") if path.is_file())
    assert report.cube_bytes >= stored > 0
    assert report.seconds["total"] >= report.seconds["work"] >= report.seconds["start"]


def test_a_block_without_a_pixel_of_the_polygon_is_not_told_as_never_seen():
    extent = Extent(Grid("EPSG:3035", 10.0, 256), Window(0, 0, 256, 257), shapely.box(0, -2560, 2564, 0))
    group = zarr.group()
    layout = Layout(extent, ("red",), ({"code": 1, "name": "land", "color": "#000000"},))
    add_period(group, layout, (date(2024, 1, 1), date(2024, 12, 31)))
    store.array(group, "blocks/state")[:] = EMPTY
    plan = SimpleNamespace(extent=extent, region=SimpleNamespace(mosaic=SimpleNamespace(min_clear=1)))
    assert problems(plan, group, 0) == (ProblemCounts(degraded=0, unseen=1, thin=1), [], [(0, 0)])


class Listing:
    """What `os.scandir` gives of a folder."""

    def __init__(self, entries):
        self.entries = iter(entries)

    def __iter__(self):
        return self.entries

    def __next__(self):
        return next(self.entries)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


def test_what_another_search_deletes_while_a_cube_is_measured_is_not_missed(tmp_path, monkeypatch):
    for name in ("scenes/a.pages/begun", "scenes/b.pages/begun", "lock.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("four")
    scandir = os.scandir

    def meanwhile(path):
        entries = list(scandir(path))
        if Path(path).name == "scenes":
            (tmp_path / "scenes/a.pages/begun").unlink(missing_ok=True)
            (tmp_path / "scenes/a.pages").rmdir()
        if Path(path).name == "b.pages":
            (tmp_path / "scenes/b.pages/begun").unlink()
        return Listing(entries)

    monkeypatch.setattr(os, "scandir", meanwhile)
    assert cube_size(tmp_path) == 4

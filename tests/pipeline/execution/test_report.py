"""The report of a run: what it counts, and its JSON."""

import json
from dataclasses import asdict

import pytest

from pipeline.cube.open import open_cube
from pipeline.execution.report import ProblemCounts


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

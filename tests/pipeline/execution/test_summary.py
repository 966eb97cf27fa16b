"""The report of a run as rows for people. Covers `change_summary.py`."""

import json
from dataclasses import asdict, replace

import pytest
from pydantic import TypeAdapter

from pipeline.execution.change_report import ChangeReport
from pipeline.execution.report import BlockCounts, PassCounts, ProblemCounts, Report, StageCounts
from pipeline.execution.summary import area_rows, summary
from pipeline.planning.estimate import Estimate
from pipeline.scenes.news import SceneNews

REPORT = Report(
    name="bavaria",
    run="abc",
    version="V1",
    scenes=4,
    news=SceneNews(new=["S3", "S4"], reprocessed=["S1"], withdrawn=[]),
    blocks=BlockCounts(new=3, changed=2, same=1),
    done=StageCounts(mosaic=4, segment=5),
    expected=Estimate(None, None, None, None, None),
    took=Estimate(12.0, 34.5, 46.5, 0.0129, None),
    count=ProblemCounts(degraded=14, unseen=2, thin=0),
    degraded=[(0, n) for n in range(14)],
    thin=[],
    left_out=7,
    passes=PassCounts(expected=9, found=8),
    warnings=["scene S2 says two baselines"],
    lost={"S1": "404"},
    seconds={"plan": 1.0, "total": 36.0},
    work={"mosaic.composite": 11.0},
    areas_km2={"Trees": 1.0},
    region_km2=100.0,
    cube_bytes=2_500_000,
)


def test_rows_tell_what_was_mapped_and_what_is_in_doubt():
    rows = dict(summary(REPORT))
    assert rows["blocks"] == "3 new, 2 changed, 1 same; mapped 5"
    assert rows["scenes since the map"] == "new S3, S4; reprocessed S1"
    assert rows["never seen clear"] == "2 blocks"
    assert rows["fewer clear views than asked"] == "none"
    assert rows["passes"] == "8 found of 9 that the orbits let expect"
    assert rows["speed"] == "10,000 km2/h"
    assert rows["cube"] == "2.5 MB"
    assert rows["warnings"] == "1 (see applied.json), the first: scene S2 says two baselines"
    assert rows["lost scene"] == "S1: 404"


def test_of_many_blocks_the_first_are_named_and_the_others_counted():
    rows = dict(summary(REPORT))
    assert rows["degraded"].startswith("(0, 0), (0, 1), ")
    assert rows["degraded"].endswith("(0, 11) and 2 more")


def test_estimates_stand_beside_what_was_measured_and_money_only_where_there_is_a_price():
    rows = dict(summary(REPORT))
    assert rows["device seconds"] == "34.5"
    assert rows["seconds of work"] == "46.5"
    assert rows["seconds"] == "plan 1.0, total 36.0"
    assert rows["worker seconds"] == "mosaic composite 11.0"
    assert "money" not in rows
    priced = replace(REPORT, expected=Estimate(1, 2, 3, 4, 5.5), took=Estimate(1, 2, 3, 4, 6.25))
    assert dict(summary(priced))["money"] == "6.25, expected 5.5"


def test_values_are_text_for_people():
    text = " ".join(value for _, value in summary(REPORT))
    assert "{" not in text
    assert "None" not in text


@pytest.mark.parametrize(("mosaic", "segment", "anything"), [(0, 0, False), (1, 0, True), (0, 1, True)])
def test_a_run_did_anything_if_it_did_a_block_of_some_stage(mosaic, segment, anything):
    assert replace(REPORT, done=StageCounts(mosaic, segment)).done_anything == anything


def test_a_run_that_did_nothing_has_neither_speed_nor_costs():
    rows = dict(summary(replace(REPORT, done=StageCounts(0, 0), cube_bytes=0)))
    assert not {"speed", "device seconds", "cube"} & set(rows)


def test_areas_have_their_share_of_what_is_mapped():
    assert area_rows(replace(REPORT, areas_km2={"Trees": 3.0, "Water": 1.0})) == [
        ("Trees", "3.00", "75.0%"),
        ("Water", "1.00", "25.0%"),
    ]
    assert area_rows(replace(REPORT, areas_km2={"Trees": 0.0})) == []


def test_a_report_of_before_new_mosaics_were_counted_has_its_rows_without_them():
    change = ChangeReport(
        4, {"changed": 1}, {"changed": "the ground has changed"}, 0, 0, 1, {}, None, [], replaced_km2=2
    )
    report = replace(REPORT, change=change)
    assert dict(summary(report))["got a new mosaic"] == "2.00 km2 of the blocks that went on"
    early = json.loads(json.dumps(asdict(report)))
    del early["change"]["replaced_km2"]
    rows = dict(summary(TypeAdapter(Report).validate_json(json.dumps(early), strict=True)))
    assert rows["mapped"] == "1 blocks, 0 of them for what they see of others"
    assert "got a new mosaic" not in rows

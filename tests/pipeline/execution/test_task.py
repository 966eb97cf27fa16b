"""Totals of what workers did."""

from pipeline.execution.task import BlockResult, Work, run_folder


def test_work_adds_up_blocks_seconds_and_lost_scenes():
    work = Work()
    work.add("mosaic", BlockResult((0, 0), None, {"scene": "gone"}, 1, True, {"composite": 1.5, "write": 0.5}))
    work.add("mosaic", BlockResult((0, 1), None, {}, 1, True, {"composite": 2.0, "write": 0.5}))
    work.add("segment", BlockResult((0, 0), None, {}, 0, True, {"device": 3.0}))
    assert work.blocks == {"mosaic": 2, "segment": 1}
    assert work.seconds == {"mosaic.composite": 3.5, "mosaic.write": 1.0, "segment.device": 3.0}
    assert work.lost == {(0, 0): {"scene": "gone"}}


def test_a_run_has_its_own_folder_in_the_cube():
    assert run_folder("abc") == "runs/abc"

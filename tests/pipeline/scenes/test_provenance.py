"""What a run records about its scenes."""

import json


def test_a_run_tells_what_it_applied_to_each_scene(undisturbed):
    region, report = undisturbed
    applied = json.loads((region.cube / "runs" / report.run / "applied.json").read_text())
    assert len(applied["used"]) == report.scenes
    for scene in applied["used"]:
        expected = -0.1 if scene["baseline"] >= "04.00" else 0.0
        assert {band["offset"] for band in scene["bands"].values()} == {expected}
        assert scene["mask"]["dilate"] == 60
    assert applied["warnings"] == report.warnings != []
    assert len(applied["left_out"]) == report.left_out

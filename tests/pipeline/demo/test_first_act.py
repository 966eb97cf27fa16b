"""The first act on a small world; the whole demo is `make demo`. Covers `ground.py`, `serving.py`,
`command_line.py`, `mapping.py`."""

import json

import numpy as np
import pytest
from command import idgbr, run_here
from json_schemas import check_json

from catalogs.simulated import open_world
from pipeline.cube.open import open_cube
from pipeline.demo import first_act, ground
from pipeline.errors import UserError


@pytest.mark.ray
def test_the_demo_maps_compares_and_draws(tmp_path, monkeypatch, capsys):
    """3 x 3 km with the shipped model: refined must beat coarse on every score."""
    monkeypatch.setattr(ground, "KILOMETRES", 3.0)
    scores = tmp_path / "scores.json"
    first_act.run_demo(tmp_path / "demo", 1, scores)
    found = json.loads(scores.read_text())
    check_json(["demo"], found)
    assert found["refined"]["mean_iou"] > found["coarse"]["mean_iou"] > 50
    assert found["refined"]["boundary_iou_4px"] > found["coarse"]["boundary_iou_4px"]
    cube = open_cube(found["cube"])
    truth = ground.read_truth(open_world(tmp_path / "demo" / "world"), cube)
    assert truth.shape == (cube.sizes["y"], cube.sizes["x"])
    assert (truth > 0).all()
    assert np.mean(truth == cube.landcover.values[0]) > 0.7
    assert (tmp_path / "demo" / "demo.png").read_bytes().startswith(b"\x89PNG")
    told = capsys.readouterr().out
    for words in ("area, km2", "boundary IoU (4 px)", "Permanent water", "idgbr query"):
        assert words in told

    first_act.run_demo(tmp_path / "demo", 1, None)
    assert "mapped 0" in capsys.readouterr().out
    with idgbr("demo", tmp_path / "demo", "--serve") as server:
        try:
            for line in server.stdout:
                if " update " in line:
                    break
            updated = run_here("update", tmp_path / "demo" / "region.yaml", "--address", "none")
            assert updated.returncode == 0, updated.stderr
            second = run_here("demo", tmp_path / "demo", "--serve")
            assert second.returncode in (1, 2)
            assert "writes a free port into" in second.stderr
        finally:
            server.terminate()
        assert server.wait(20) == 143
    with pytest.raises(UserError, match="the world of seed 1, not 2"):
        first_act.run_demo(tmp_path / "demo", 2, None)

"""A region mapped with Diff-HRNet and a refiner, end to end."""

import os
import signal
import time

import numpy as np
import pytest
from command import answer, idgbr
from cube_bytes import assert_same, bytes_of
from map_model import save_model

from pipeline.cube.cube import Cube
from pipeline.cube.status import status
from pipeline.execution.run import run


@pytest.mark.long
def test_a_region_is_mapped_alike_whole_in_other_blocks_and_after_a_kill(region_of, tmp_path):
    model = save_model(tmp_path / "model", network="DiffHRNet")
    whole = region_of("whole", model=str(model))
    report = run(whole)
    expected = bytes_of(whole)
    assert report.degraded == []
    assert len(np.unique(expected["coarse"])) > 2
    assert (expected["refined"] == 2).any()

    wide = region_of("wide", model=str(model), grid={"crs": "europe", "resolution": 10, "block": 512})
    run(wide)
    assert_same(expected, bytes_of(wide))

    killed = region_of("killed", model=str(model), commit_every=1)
    command = ("run", killed.cube.parent / "region.yaml", "--address", "none")
    driver = idgbr(*command)
    mapped = 0
    while not mapped and driver.poll() is None:
        cube = Cube.find(killed.cube)
        mapped = max((each.landcover for each in status(cube).running.values()), default=0) if cube else 0
        time.sleep(0.02)
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    assert driver.returncode == -signal.SIGKILL
    done = answer(*command)["done"]
    assert 0 < done["segment"] < report.done.segment
    assert_same(expected, bytes_of(killed))

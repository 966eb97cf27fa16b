"""Records of updates beside those of runs, in a cube that did not have them."""

from dataclasses import astuple
from datetime import date

import numpy as np
import xarray
import zarr
from made_versions import LAYOUT, mapped, plain, published

from pipeline.change.alerts import Alerts
from pipeline.change.records import (
    ALERTS,
    OUTCOME,
    PART_ALERTS,
    SCORE,
    prepare_records,
    read_alerts,
    read_record,
    write_alerts,
    write_records,
)
from pipeline.cube.block_runs import read_inputs
from pipeline.cube.create import add_period
from pipeline.cube.cube import Cube

FALL = date(2024, 9, 1), date(2024, 11, 30)


def test_a_cube_without_records_reads_as_zeros_and_gets_them_once_and_for_all_its_periods(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    published(cube, plain())
    assert read_record(cube.group(), SCORE, 0).tolist() == [[0] * 3] * 2
    assert read_inputs(cube.group(), "2024-05-01") is None
    assert read_alerts(cube.group(), 0, (1, 2)).day_88.tolist() == [[0] * 8] * 8
    cube.repository.create_branch("update", str(cube.repository.lookup_branch("main")))
    session = cube.repository.writable_session("update")
    group = zarr.open_group(session.store)
    prepare_records(group)
    score_YX = np.arange(6, dtype=np.uint8).reshape(2, 3)
    write_records(group, 0, {SCORE: score_YX, ALERTS: score_YX}, "2024-05-01", ["run", "digest"])
    prepare_records(group)
    assert (read_record(group, SCORE, 0) == score_YX).all()
    assert not read_record(group, OUTCOME, 0).any()
    assert read_record(group, SCORE, 1).tolist() == [[0] * 3] * 2
    alerts = Alerts(np.arange(64, dtype=np.uint8).reshape(8, 8), np.full((8, 8), 20_000, np.uint16))
    write_alerts(group, 0, (1, 2), alerts)
    assert read_record(group, PART_ALERTS, 0).shape == (2, 3, 64)
    for found, written in zip(astuple(read_alerts(group, 0, (1, 2))), astuple(alerts), strict=True):
        assert np.array_equal(found, written)
    assert not read_alerts(group, 0, (0, 0)).count_88.any()
    assert read_inputs(group, "2024-05-01") == ["run", "digest"]
    assert read_inputs(group, "2025-05-01") is None


def test_a_period_that_a_run_adds_after_an_update_has_all_records(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    published(cube, plain())
    cube.repository.create_branch("update", str(cube.repository.lookup_branch("main")))
    session = cube.repository.writable_session("update")
    group = zarr.open_group(session.store)
    prepare_records(group)
    assert add_period(group, LAYOUT, FALL) == 1
    assert xarray.open_zarr(session.store, group="blocks", consolidated=False).sizes["time"] == 2


def test_a_period_that_a_run_adds_gets_its_records_with_the_next_update(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    published(cube, plain())
    branch, time, _ = mapped(cube, plain(30), FALL, run="b")
    session = cube.repository.writable_session(branch)
    group = zarr.open_group(session.store)
    prepare_records(group)
    write_records(group, time, {SCORE: np.full((2, 3), 7, np.uint8)}, "2024-09-01", ["b", "digest"])
    assert read_record(group, SCORE, 0).max() == 0
    assert read_record(group, SCORE, time).min() == 7
    assert read_record(group, PART_ALERTS, time).shape == (2, 3, 64)


def test_a_cube_whose_flags_lack_a_reason_of_today_gets_it(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    published(cube, plain())
    cube.repository.create_branch("update", str(cube.repository.lookup_branch("main")))
    group = zarr.open_group(cube.repository.writable_session("update").store)
    prepare_records(group)
    outcome = zarr.open_array(group.store, path=OUTCOME)
    outcome.attrs.update({"flag_values": [0], "flag_meanings": "not_asked"})
    prepare_records(group)
    attributes = group[OUTCOME].attrs.asdict()
    assert attributes["flag_values"][-1] == 9
    assert attributes["flag_meanings"].split()[-1] == "better_views"

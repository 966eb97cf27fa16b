from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import zarr
from made_versions import LAYOUT, SUMMER, mapped, plain

from pipeline.cube.create import add_period
from pipeline.cube.cube import Cube
from pipeline.cube.records import BlockRows, block_records
from pipeline.cube.schema import DEGRADED
from pipeline.cube.store import array
from pipeline.geometry.grid import Window


@pytest.fixture
def cube(tmp_path):
    return Cube.create(tmp_path / "cube")


class Counting:
    """An array (time, 130, 2) of the row's number that counts what is read of it."""

    def __init__(self):
        self.reads = []

    def __getitem__(self, index):
        time, rows = index
        self.reads.append((time, rows))
        return np.arange(130)[rows, None].repeat(2, 1) + 1000 * time


def test_rows_are_read_a_row_of_chunks_at_a_time():
    source = Counting()
    rows = BlockRows(source, 1)
    assert [rows.row(y).tolist() for y in (0, 63, 64, 129)] == [[1000 + y] * 2 for y in (0, 63, 64, 129)]
    assert source.reads == [(1, slice(0, 64)), (1, slice(64, 128)), (1, slice(128, 192))]
    assert rows.row(5).tolist() == [1005, 1005]


def test_a_branch_without_arrays_or_period_or_of_another_size_has_no_records(cube):
    assert block_records(cube, "run-a", LAYOUT.extent, SUMMER[0]) is None
    cube.repository.create_branch("run-a", cube.repository.lookup_branch("main"))
    assert block_records(cube, "run-a", LAYOUT.extent, SUMMER[0]) is None
    branch, *_ = mapped(cube, plain(10))
    assert block_records(cube, branch, LAYOUT.extent, SUMMER[0]) is not None
    assert block_records(cube, branch, LAYOUT.extent, date(2023, 5, 1)) is None
    larger = replace(LAYOUT.extent, window=Window(0, 0, 513, 700))
    assert block_records(cube, branch, larger, SUMMER[0]) is None


def test_the_records_are_those_of_the_period_by_row_and_by_block(cube):
    branch, *_ = mapped(cube, plain(10))
    session = cube.repository.writable_session(branch)
    group = zarr.open_group(session.store)
    second = add_period(group, LAYOUT, (date(2025, 5, 1), date(2025, 8, 31)))
    array(group, "blocks/mosaic")[second] = np.arange(6).reshape(2, 3)
    array(group, "blocks/landcover")[second] = np.arange(6).reshape(2, 3) * 10
    array(group, "blocks/state")[second, 1, 2] = DEGRADED
    session.commit("records")
    records = block_records(cube, branch, LAYOUT.extent, date(2025, 5, 1))
    assert [fingerprints.tolist() for fingerprints in records.row(1, np.array([0, 2]))] == [[3, 5], [30, 50]]
    assert records.fingerprints((0, 1)) == (1, 10)
    assert records.degraded((1, 2))
    assert not records.degraded((1, 1))

"""resources.py, `crew.py`: worker groups of a run, and the memory that they need."""

import pytest

from cluster import WorkerGroup
from pipeline.errors import UserError
from pipeline.execution.resources import WorkerCounts, check_memory, worker_groups
from pipeline.execution.run import run


def test_a_run_that_may_need_more_memory_than_there_is_is_refused_before_it_starts(region_of, monkeypatch):
    monkeypatch.setattr("pipeline.execution.crew.machine_memory", lambda: 10**9 // 2)
    region = region_of("too-large")
    said = r"1 of \d\.\d GB, for block .* of \d passes\) may need \d\.\d GB of memory, but this machine has 0.5 GB"
    with pytest.raises(UserError, match=said):
        run(region)
    assert not list(region.cube.glob("runs/*/report.json"))


def test_memory_is_that_of_all_crews():
    two = [WorkerGroup(2, memory=10**9), WorkerGroup(3, memory=2 * 10**9)]
    check_memory(two, 8e9, ((1, 2), 3))
    with pytest.raises(
        UserError, match=r"2 of 1\.0 GB and 3 of 2\.0 GB, for block \(1, 2\) of 3 passes\) may need 8\.0 GB"
    ):
        check_memory(two, 7.9e9, ((1, 2), 3))


@pytest.mark.parametrize(
    ("counts", "there", "expected"),
    [
        (WorkerCounts(2), {"CPU": 8}, [(2, {"segment", "mosaic"}, 0)]),
        (WorkerCounts(2), {"CPU": 8, "GPU": 2}, [(2, {"segment"}, 1), (6, {"mosaic"}, 0)]),
        (WorkerCounts(4, gpus=0.5), {"CPU": 8, "GPU": 2}, [(4, {"segment"}, 0.5), (4, {"mosaic"}, 0)]),
        (WorkerCounts(2, mosaic_workers=0), {"CPU": 8, "GPU": 2}, [(2, {"segment", "mosaic"}, 1)]),
        (WorkerCounts(1, mosaic_workers=3), {"CPU": 8}, [(1, {"segment"}, 0), (3, {"mosaic"}, 0)]),
        (WorkerCounts(2, gpus=1), {}, [(2, {"segment"}, 1), (1, {"mosaic"}, 0)]),
    ],
)
def test_who_works_where(counts, there, expected):
    found = worker_groups(counts, 10, 20)(there)
    assert [(group.workers, set(group.concurrency_groups), group.gpus) for group in found] == expected

"""`gather` by threads and by a Dask cluster."""

import threading

import pytest
from block_work import area, refuse
from distributed import LocalCluster

from cluster import PoolError, gather

BLOCKS = [(row, column) for row in range(30) for column in range(10)]


@pytest.fixture(scope="module")
def scheduler():
    with LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(params=["threads", "cluster"])
def address(request):
    return None if request.param == "threads" else request.getfixturevalue("scheduler")


def test_results_stand_in_the_order_of_the_ids(address):
    assert gather(area, BLOCKS, address=address) == [{"area": row * column} for row, column in BLOCKS]


def test_no_ids_give_no_results(address):
    assert gather(area, [], address=address) == []


def test_progress_rises_to_the_total(address):
    told = []
    gather(area, BLOCKS, address=address, progress=lambda done, total: told.append((done, total)))
    assert [total for _, total in told] == [300] * len(told)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1] == (300, 300)


def test_what_the_function_raises_is_raised(address):
    with pytest.raises(ValueError, match=r"block \(\d+, \d+\) has no labels"):
        gather(refuse, BLOCKS, address=address)


def test_workers_is_the_number_of_threads():
    both = threading.Barrier(2, timeout=10)
    gather(lambda block: both.wait(), [0, 1], workers=2)
    seen = gather(lambda block: threading.current_thread().name, BLOCKS, workers=1)
    assert len(set(seen)) == 1


def test_where_no_scheduler_runs_the_address_is_named(monkeypatch):
    monkeypatch.setattr("cluster.dask.CONNECT_SECONDS", 1)
    with pytest.raises(PoolError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:1'"):
        gather(area, BLOCKS, address="tcp://127.0.0.1:1")


def test_fewer_than_one_worker_is_refused():
    with pytest.raises(PoolError, match="0 workers"):
        gather(area, BLOCKS, workers=0)

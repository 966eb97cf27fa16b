"""`gather` by threads and by a Dask cluster of three processes."""

import threading
from functools import partial

import pytest
from block_work import area, die_once, need, refuse

from cluster import PoolError, dask_client, gather
from cluster.dask import use
from cluster.gather import IN_FLIGHT, MOST_IDS, parts_of

BLOCKS = [(row, column) for row in range(30) for column in range(10)]
AREAS = [{"area": row * column} for row, column in BLOCKS]


@pytest.fixture(scope="module")
def processes():
    with dask_client("processes", 3) as client:
        yield client


@pytest.fixture(params=["threads", "processes"])
def where(request):
    """What `gather` works by in a test."""
    client = request.getfixturevalue("processes") if request.param == "processes" else None
    with use(client):
        yield client


def test_results_stand_in_the_order_of_the_ids(where):
    assert gather(area, BLOCKS) == AREAS


def test_no_ids_give_no_results(where):
    assert gather(area, []) == []


def test_progress_rises_to_the_total(where):
    told = []
    gather(area, BLOCKS, progress=lambda done, total: told.append((done, total)))
    assert [total for _, total in told] == [300] * len(told)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1] == (300, 300)


def test_what_the_function_raises_is_raised(where):
    with pytest.raises(ValueError, match=r"block \(\d+, \d+\) has no labels"):
        gather(refuse, BLOCKS)


def test_a_module_that_workers_lack_is_named(processes):
    with use(processes), pytest.raises(PoolError, match="lacks the module nowhere; install there what is here"):
        gather(partial(need, "nowhere"), BLOCKS)


def test_every_worker_answers_or_tells_what_it_raised(processes):
    told = processes.on_every_worker(refuse, (0, 0))
    assert len(told) == 3
    assert all(isinstance(error, ValueError) for error in told.values())


class Recorder:
    """Calls of two threads that run when they are waited for, the last submitted first; records what was in flight."""

    threads = 2

    def __init__(self):
        self.calls, self.most, self.sizes = {}, 0, []

    def submit(self, call):
        self.calls[call] = call
        self.most = max(self.most, len(self.calls))
        return call

    def wait(self, futures):
        return futures[-1:]

    def result(self, future):
        results = self.calls.pop(future)()
        self.sizes.append(len(results))
        return results

    def cancel(self, futures):
        assert not futures


@pytest.mark.parametrize("count", [1, 63, 5000, 100_000])
def test_parts_have_a_bound_and_few_of_them_are_submitted_at_a_time(count):
    recorder = Recorder()
    with use(recorder):
        assert gather(abs, range(count)) == list(range(count))
    assert 0 < recorder.most <= IN_FLIGHT * 2
    assert max(recorder.sizes) <= MOST_IDS


@pytest.mark.parametrize("threads", [1, 2, 64, 1000])
@pytest.mark.parametrize("count", [0, 1, 63, 64 * 32 + 1, 71_820, 1_000_000])
def test_parts_hold_each_id_once_and_are_fewer_than_100_000_for_a_million_blocks(count, threads):
    parts = parts_of(count, threads)
    edges = [(part.start, min(part.stop, count)) for part in parts]
    assert [start for start, _ in edges] == [0, *(stop for _, stop in edges)][: len(edges)]
    assert not count or edges[-1][1] == count
    assert all(0 < stop - start <= MOST_IDS for start, stop in edges)
    assert len(parts) < 100_000
    assert count < 32 * threads or len(parts) >= 32 * threads


def test_the_part_of_a_worker_that_dies_is_done_again(processes, tmp_path):
    with use(processes):
        before = set(processes.on_every_worker(str))
        assert gather(partial(die_once, tmp_path / "mark"), BLOCKS) == AREAS
        assert (tmp_path / "mark").exists()
        assert before - set(processes.on_every_worker(str))


def test_workers_is_the_number_of_threads():
    both = threading.Barrier(2, timeout=10)
    with use(None):
        gather(lambda block: both.wait(), [0, 1], workers=2)
        seen = gather(lambda block: threading.current_thread().name, BLOCKS, workers=1)
    assert len(set(seen)) == 1


def test_fewer_than_one_worker_is_refused():
    with pytest.raises(PoolError, match="0 workers"):
        gather(area, BLOCKS, workers=0)

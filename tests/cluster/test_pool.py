"""A pool in this process and on Ray. Covers cluster/pool.py, cluster/types.py and cluster/errors.py."""

import subprocess
import sys
from functools import partial
from itertools import count

import pytest
from worker import Worker, unbuildable

from cluster import PoolError, pool


@pytest.fixture(params=["none", pytest.param("local", marks=pytest.mark.ray)])
def address(request):
    return request.param if request.param == "none" else request.getfixturevalue("local_ray")


@pytest.fixture
def open_pool(address, tmp_path):
    return partial(pool, partial(Worker, tmp_path), address=address)


def test_every_task_comes_back_once_with_its_result(open_pool):
    with open_pool(workers=2) as workers:
        outcomes = list(workers.map("square", range(50)))
    assert sorted((outcome.task, outcome.result) for outcome in outcomes) == [(n, n * n) for n in range(50)]
    assert all(outcome.error is None and outcome.attempts == 1 and outcome.seconds >= 0 for outcome in outcomes)


def test_no_tasks_give_no_outcomes(open_pool):
    with open_pool() as workers:
        assert list(workers.map("square", [])) == []


def test_a_worker_is_built_once_and_keeps_its_state_over_maps(open_pool, tmp_path):
    with open_pool(workers=2) as workers:
        outcomes = [*workers.map("count", range(10)), *workers.map("count", range(10))]
        assert len(list(tmp_path.glob("built-*"))) == workers.workers
    assert {outcome.worker for outcome in outcomes} == set(range(workers.workers))
    for worker in range(workers.workers):
        calls = [outcome.result for outcome in outcomes if outcome.worker == worker]
        assert len({process for process, _ in calls}) == 1
        assert sorted(number for _, number in calls) == list(range(1, len(calls) + 1))


def test_a_task_that_raises_is_tried_again_then_comes_back_as_an_error(open_pool, tmp_path):
    with open_pool(workers=2) as workers:
        outcomes = {outcome.task: outcome for outcome in workers.map("fail", range(7))}
    assert {task: outcome.result for task, outcome in outcomes.items() if not outcome.error} == {1: 1, 2: 2, 4: 4, 5: 5}
    for task in (0, 3, 6):
        assert outcomes[task].error == f"ValueError: {task} is not wanted"
        assert "in fail" in outcomes[task].traceback
        assert outcomes[task].attempts == len(list(tmp_path.glob(f"tried-{task}-*"))) == 3
    assert len(list(tmp_path.glob("tried-1-*"))) == 1


def test_the_number_of_attempts_is_the_pools(open_pool, tmp_path):
    with open_pool(attempts=1) as workers:
        (outcome,) = workers.map("fail", [3])
    assert outcome.attempts == len(list(tmp_path.glob("tried-3-*"))) == 1


def test_a_task_that_succeeds_at_last_is_no_error(open_pool):
    with open_pool() as workers:
        (outcome,) = workers.map("fail_twice", [8])
    assert (outcome.result, outcome.error, outcome.attempts) == (8, None, 3)


def test_an_unknown_method_is_an_error_of_the_task(open_pool):
    with open_pool(attempts=1) as workers:
        (outcome,) = workers.map("sing", [1])
    assert outcome.error == "AttributeError: 'Worker' object has no attribute 'sing'"


def test_tasks_are_taken_as_workers_become_free(open_pool):
    taken = count()
    endless = (next(taken) for _ in iter(int, 1))
    with open_pool(workers=2) as workers:
        outcomes = workers.map("square", endless)
        for _ in range(5):
            next(outcomes)
        assert next(taken) <= 5 + 2 * workers.workers


def test_a_worker_that_cannot_be_built_is_told_at_once(address):
    with (
        pytest.raises(PoolError, match="a worker cannot be built: RuntimeError: no weights here") as refused,
        pool(unbuildable, address=address),
    ):
        pass
    assert "in unbuildable" in refused.value.__notes__[0]


def test_what_becomes_ready_later_is_given_out_later(open_pool):
    """A task of `fail` (2) may be had once `square` of it is known, as land cover once its mosaics are."""
    squares, known, done = iter(range(1, 20)), [], []

    def take(method):
        return next(squares, None) if method == "square" else known.pop(0) if known else None

    with open_pool(workers=2) as workers:
        for outcome in workers.run(("tell", "square"), take):
            if outcome.method == "square":
                known.append(outcome.result)
            done.append((outcome.method, outcome.task))
    assert sorted(done) == sorted([("square", n) for n in range(1, 20)] + [("tell", n * n) for n in range(1, 20)])
    assert all(done.index(("square", n)) < done.index(("tell", n * n)) for n in range(1, 20))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"workers": 0}, "a pool of 0 workers"),
        ({"attempts": 0}, "with 0 attempts"),
    ],
)
def test_a_pool_that_makes_no_sense_is_refused(asked, said):
    with pytest.raises(PoolError, match=said), pool(list, **asked):
        pass


def test_importing_cluster_loads_neither_ray_nor_dask():
    program = "import cluster, sys; print(*{'ray', 'dask', 'distributed', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "\n"

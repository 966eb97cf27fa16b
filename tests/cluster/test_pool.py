import os
import re
import subprocess
import sys
import time
from collections import Counter, deque
from contextlib import ExitStack
from functools import partial
from itertools import count

import pytest
from worker import HANG_SECONDS, Worker, unbuildable

from cluster import PoolError, WorkerGroup, pool


@pytest.fixture(params=["none", pytest.param("local", marks=pytest.mark.ray)])
def address(request):
    return request.param if request.param == "none" else request.getfixturevalue("local_ray")


@pytest.fixture
def open_pool(address, tmp_path):
    return partial(pool, partial(Worker, tmp_path), 2, address=address)


def test_every_task_comes_back_once_with_its_result(open_pool):
    with open_pool() as workers:
        outcomes = list(workers.map("square", range(50)))
    assert sorted((outcome.task, outcome.result) for outcome in outcomes) == [(n, n * n) for n in range(50)]
    assert all(outcome.error is None and outcome.attempts == 1 and outcome.seconds >= 0 for outcome in outcomes)


def test_no_tasks_give_no_outcomes(open_pool):
    with open_pool() as workers:
        assert list(workers.map("square", [])) == []


def test_a_worker_is_built_once_and_keeps_its_state_over_maps(open_pool, tmp_path):
    with open_pool() as workers:
        outcomes = [*workers.map("count", range(10)), *workers.map("count", range(10))]
        assert len(list(tmp_path.glob("built-*"))) == workers.workers
    assert {outcome.worker for outcome in outcomes} == set(range(workers.workers))
    for worker in range(workers.workers):
        calls = [outcome.result for outcome in outcomes if outcome.worker == worker]
        assert len({process for process, _ in calls}) == 1
        assert sorted(number for _, number in calls) == list(range(1, len(calls) + 1))


def test_a_task_that_raises_is_tried_again_then_comes_back_as_an_error(open_pool, tmp_path):
    with open_pool() as workers:
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
    with open_pool() as workers:
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


@pytest.mark.ray
def test_a_task_whose_worker_dies_is_done_again_by_a_new_one(local_ray, tmp_path):
    with pool(partial(Worker, tmp_path), 2, address=local_ray) as workers:
        outcomes = list(workers.map("die_once", range(12)))
    assert sorted(outcome.result for outcome in outcomes) == list(range(12))
    assert {outcome.task: outcome.attempts for outcome in outcomes} == {
        task: 2 if task == 4 else 1 for task in range(12)
    }


@pytest.mark.ray
def test_a_task_that_always_kills_its_worker_harms_no_other(local_ray, tmp_path):
    with pool(partial(Worker, tmp_path), 2, address=local_ray) as workers:
        outcomes = {outcome.task: outcome for outcome in workers.map("always_die", range(12))}
    assert set(outcomes) == set(range(12))
    assert [task for task, outcome in outcomes.items() if outcome.error] == [4]
    assert outcomes[4].error.startswith("WorkerDied: the process of worker")
    assert {task: outcome.attempts for task, outcome in outcomes.items()} == {n: 3 if n == 4 else 1 for n in range(12)}


def test_what_becomes_ready_later_is_given_out_later(open_pool):
    """A task of `fail` (2) may be had once `square` of it is known, as land cover once its mosaics are."""
    squares, known, done = iter(range(1, 20)), [], []

    def take(method):
        return next(squares, None) if method == "square" else known.pop(0) if known else None

    with open_pool() as workers:
        for outcome in workers.run(("tell", "square"), take):
            if outcome.method == "square":
                known.append(outcome.result)
            done.append((outcome.method, outcome.task))
    assert sorted(done) == sorted([("square", n) for n in range(1, 20)] + [("tell", n * n) for n in range(1, 20)])
    assert all(done.index(("square", n)) < done.index(("tell", n * n)) for n in range(1, 20))


@pytest.mark.ray
def test_a_worker_does_as_many_calls_of_a_method_side_by_side_as_its_concurrency_group_allows(local_ray, tmp_path):
    group = WorkerGroup(1, {"together": 3, "square": 1})
    with pool(partial(Worker, tmp_path), lambda _: [group], local_ray) as workers:
        most = max(outcome.result for outcome in workers.map("together", range(9)))
        assert [outcome.result for outcome in workers.map("square", [4])] == [16]
    assert most == 3


@pytest.mark.ray
def test_workers_of_a_group_are_called_by_its_methods_only(local_ray, tmp_path):
    groups = [WorkerGroup(1, {"square": 1}), WorkerGroup(1, {"tell": 1}, cpus=0.5)]
    tasks = {"square": iter(range(10)), "tell": iter(range(10))}
    with pool(partial(Worker, tmp_path), lambda _: groups, local_ray) as workers:
        outcomes = list(workers.run(("square", "tell"), lambda method: next(tasks[method], None)))
    assert len(outcomes) == 20
    assert {(outcome.method, outcome.worker) for outcome in outcomes} == {("square", 0), ("tell", 1)}


@pytest.mark.ray
def test_no_call_begins_beside_another_while_memory_is_short(local_ray, tmp_path):
    group = WorkerGroup(1, {"together": 3}, memory_headroom=2**60)
    with pool(partial(Worker, tmp_path), lambda _: [group], local_ray) as workers:
        assert {outcome.result for outcome in workers.map("together", range(4))} == {1}


@pytest.mark.ray
def test_a_straggler_gets_a_copy_and_the_first_to_finish_counts(local_ray, tmp_path, monkeypatch):
    monkeypatch.setattr("cluster.dispatch.STRAGGLER_SECONDS", 1.0)
    begun = time.monotonic()
    with pool(partial(Worker, tmp_path), 2, local_ray) as workers:
        outcomes = list(workers.map("hang_once", range(20)))
        took = time.monotonic() - begun
        assert sorted(outcome.task for outcome in outcomes) == list(range(20))
        assert {outcome.error for outcome in outcomes} == {None}
        assert len(list(tmp_path.glob("hung-*"))) == 1
    assert took < HANG_SECONDS


@pytest.mark.ray
def test_a_worker_that_there_is_no_room_for_yet_joins_during_the_run(local_ray, tmp_path, monkeypatch):
    """Another pool holds all CPUs but one; when it ends, a second worker of ours is built and works too."""
    monkeypatch.setattr("cluster.ray_actors.JOIN_SECONDS", 1)
    cpus = max(2, os.cpu_count() or 1)
    left = deque(range(400))
    with ExitStack() as others:
        others.enter_context(pool(partial(Worker, tmp_path), cpus - 1, local_ray))
        with pool(partial(Worker, tmp_path), 2, local_ray) as workers:
            assert workers.workers == 1
            done = Counter()
            for outcome in workers.run(("nap",), lambda _: left.pop() if left else None):
                done[outcome.worker] += 1
                others.close()
                if len(done) == 2:
                    left.clear()
    assert set(done) == {0, 1}


@pytest.mark.ray
def test_a_result_that_cannot_travel_is_an_error_of_the_task(local_ray, tmp_path):
    with pool(partial(Worker, tmp_path), address=local_ray, attempts=1) as workers:
        (outcome,) = workers.map("lock", [1])
    assert outcome.error == "TypeError: cannot pickle '_thread.lock' object"


@pytest.mark.ray
def test_threads_are_shared_out_among_the_workers(local_ray, tmp_path):
    cpus = max(2, os.cpu_count() or 1)
    with pool(partial(Worker, tmp_path), 2, address=local_ray) as workers:
        results = {outcome.result for outcome in workers.map("setting", ["OMP_NUM_THREADS"] * 4)}
    assert results == {str(cpus // 2)}


@pytest.mark.ray
@pytest.mark.parametrize(
    ("group", "said"),
    [
        (WorkerGroup(gpus=0.5), "1 workers were asked for, which take 0.5 of GPU, but Ray has 0 on this machine"),
        (WorkerGroup(10_000), "10000 workers were asked for, which take 10000 of CPU"),
    ],
)
def test_what_the_machine_cannot_give_is_refused(local_ray, tmp_path, group, said):
    with pytest.raises(PoolError, match=said), pool(partial(Worker, tmp_path), lambda _: [group], local_ray):
        pass


@pytest.mark.ray
def test_ray_listens_on_this_machine_only(local_ray):
    import ray

    assert {node["NodeManagerAddress"] for node in ray.nodes()} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", "no Ray answers at address '127.0.0.1:1': give local to start one"),
        ("ray://127.0.0.1:1", "no Ray answers at address 'ray://127.0.0.1:1'"),
        ("nowhere", "address is 'nowhere', but it must be none, local, auto, ray://host:port or host:port"),
        ("host:port", "address is 'host:port', but it must be"),
    ],
)
def test_an_address_without_a_ray_is_refused_at_once(address, said):
    with pytest.raises(PoolError, match=re.escape(said)), pool(list, address=address):
        pass


def test_a_job_joins_the_ray_that_its_environment_names(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with (
        pytest.raises(PoolError, match=re.escape("no Ray answers at address '127.0.0.1:1'")),
        pool(list, address="auto"),
    ):
        pass


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

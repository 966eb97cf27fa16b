"""Workers as Ray actors: their death, their memory, their threads, and joining a run late."""

import os
import subprocess
import sys
import textwrap
from collections import Counter, deque
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from worker import Worker

from cluster import PoolError, WorkerGroup, pool
from cluster.ray_actors import threads

HELPERS = str(Path(__file__).parents[1] / "helpers")


@pytest.mark.ray
def test_a_task_whose_worker_dies_is_done_again_by_a_new_one(local_ray, tmp_path):
    with pool(partial(Worker, tmp_path), 2, address=local_ray) as workers:
        outcomes = list(workers.map("die_once", range(12)))
    assert sorted(outcome.result for outcome in outcomes) == list(range(12))
    assert {outcome.attempts for outcome in outcomes if outcome.task != 4} == {1}


@pytest.mark.ray
def test_a_task_that_always_kills_its_worker_harms_no_other(local_ray, tmp_path):
    group = WorkerGroup(2, {"always_die": 2})
    with pool(partial(Worker, tmp_path), lambda _: [group], local_ray) as workers:
        outcomes = {outcome.task: outcome for outcome in workers.map("always_die", range(12))}
    assert set(outcomes) == set(range(12))
    assert [task for task, outcome in outcomes.items() if outcome.error] == [4]
    assert outcomes[4].error.startswith("WorkerDied: the process of worker")
    assert {task: outcome.attempts for task, outcome in outcomes.items()} == {n: 3 if n == 4 else 1 for n in range(12)}


@pytest.mark.ray
def test_a_worker_whose_process_is_lost_whenever_it_is_built_is_told(local_ray):
    with (
        pytest.raises(PoolError, match="a worker cannot be built: its process was lost 3 times before it was"),
        pool(partial(os._exit, 1), address=local_ray),
    ):
        pass


@pytest.mark.ray
def test_no_call_begins_beside_another_while_memory_is_short(local_ray, tmp_path):
    group = WorkerGroup(1, {"together": 3}, memory_headroom=2**60)
    with pool(partial(Worker, tmp_path), lambda _: [group], local_ray) as workers:
        assert {outcome.result for outcome in workers.map("together", range(4))} == {1}


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


@pytest.mark.parametrize(
    ("workers", "machines", "each"),
    [(2, [8], 4), (2, [4] * 16, 4), (16, [4] * 16, 4), (32, [4] * 16, 2), (3, [0, 2, 8], 3), (9, [8], 1), (1, [], 1)],
)
def test_a_worker_has_no_more_threads_than_a_machine_has_cpus(workers, machines, each):
    assert threads(workers, machines) == each


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
@pytest.mark.long
def test_workers_do_not_import_what_lies_in_the_working_directory(tmp_path):
    """Names of this system's packages, of a module it uses, and a folder; the process itself does not look there."""
    for name in ("cluster", "idgbr", "psutil"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('of the user')\n")
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/__init__.py").write_text("raise ImportError('of the user')\n")
    script = f"""
        import sys
        from functools import partial
        from pathlib import Path
        sys.path.append({HELPERS!r})
        from rank_work import import_path
        from worker import Worker
        from cluster import pool
        from cluster.ray_session import connect
        from cluster.ray_train import run_ranks

        with connect("local", 2):
            with pool(partial(Worker, Path("marks")), 1, "local") as workers:
                print([outcome.result for outcome in workers.map("square", [3])])
            print(run_ranks(import_path, None, 1, False, Path("marks")))
    """
    (tmp_path / "marks").mkdir()
    done = subprocess.run(
        [sys.executable, "-P", "-c", textwrap.dedent(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "[9]"
    assert str(tmp_path) not in done.stdout


@pytest.mark.ray
def test_a_worker_that_cannot_import_what_it_is_made_of_tells_so_at_once(local_ray, monkeypatch, tmp_path):
    (tmp_path / "only_here.py").write_text("def build(): return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    from only_here import build

    monkeypatch.setattr("cluster.ray_actors.source_folders", list)
    lost = []
    monkeypatch.setattr("cluster.ray_actors.Actors._replace", lambda *given: lost.append(given))
    with (
        pytest.raises(PoolError, match="a worker cannot be built: ModuleNotFoundError: No module named 'only_here'"),
        pool(build, 1, local_ray),
    ):
        pass
    assert lost == []


@pytest.mark.ray
def test_a_worker_whose_process_does_not_start_tells_so_at_once(tmp_path):
    """On a Ray of its own: one that others use starts fewer processes for a minute after a start that failed."""
    (tmp_path / "socket.py").write_text("raise ImportError('not that socket')\n")
    script = """
        import sys
        import cluster.ray_actors
        from cluster import PoolError, pool

        cluster.ray_actors.source_folders = lambda: [sys.argv[1]]
        try:
            with pool(list, 1, "local"):
                pass
        except PoolError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), tmp_path],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "its process does not start (ImportError: not that socket)" in done.stdout

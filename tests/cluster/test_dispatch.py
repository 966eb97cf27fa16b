"""What becomes of a call: retried, requeued, doubled, reported once. Workers answer as each test scripts it."""

import time
from functools import partial
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worker import HANG_SECONDS, Worker

from cluster import WorkerGroup, pool
from cluster.dispatch import Dispatch
from cluster.worker_host import Attempt

FAILED = Attempt(error="ValueError: no", traceback="")
DIED = Attempt(error="WorkerDied: lost", traceback="", died=True)


class Workers:
    """Workers that take `calls` at a time and one more in their queue; `answers` gives (future, attempt)."""

    def __init__(self, answers, workers=2, calls=1):
        self.answers, self.submitted = answers, []
        self.groups = dict.fromkeys(range(workers), WorkerGroup(concurrency_groups={"work": calls}))

    def ready(self):
        return self.groups

    def submit(self, worker, method, task, pause):
        self.submitted.append((worker, task, pause))
        return len(self.submitted) - 1

    def wait(self, futures, seconds):
        return self.answers(self, futures)

    def of(self, futures, task):
        """The newest future of a task among those that are in flight."""
        return max(future for future in futures if self.submitted[future][1] == task)


def outcomes(workers, tasks, attempts=3):
    remaining = iter(tasks)
    return list(Dispatch(workers, attempts, ("work",), lambda method: next(remaining, None)).outcomes())


def test_a_call_that_raises_is_retried_after_pauses_that_double():
    results = iter([FAILED, FAILED, Attempt("done")])
    workers = Workers(lambda workers, futures: (futures[0], next(results)))
    (outcome,) = outcomes(workers, ["a"])
    assert (outcome.result, outcome.error, outcome.attempts) == ("done", None, 3)
    assert [pause for _, _, pause in workers.submitted] == pytest.approx([0, 0.1, 0.3])


def test_after_the_last_attempt_its_error_is_the_outcome():
    workers = Workers(lambda workers, futures: (futures[0], FAILED))
    (outcome,) = outcomes(workers, ["a"], attempts=2)
    assert (outcome.error, outcome.attempts) == ("ValueError: no", 2)


def test_calls_of_a_worker_that_died_are_done_again_one_at_a_time_and_keep_their_attempts():
    deaths, most = iter([DIED]), []

    def answer(workers, futures):
        most.append(len(futures))
        return futures[0], next(deaths, Attempt("done"))

    workers = Workers(answer, workers=1, calls=2)
    found = {outcome.task: outcome.attempts for outcome in outcomes(workers, "abcdef")}
    assert [task for _, task, _ in workers.submitted] == [*"abc", *"abcdef"]
    assert most == [3, 1, 1, 1, 3, 2, 1]
    assert found == dict.fromkeys("abcdef", 1)


@given(st.integers(1, 3), st.integers(1, 3), st.sets(st.integers(0, 19), max_size=8), st.randoms())
def test_a_call_that_kills_its_worker_fails_and_no_other_whatever_ran_beside_it(count, calls, killers, random):
    def answer(workers, futures):
        worker = workers.submitted[random.choice(futures)][0]
        running = [future for future in futures if workers.submitted[future][0] == worker][:calls]
        fatal = [future for future in running if workers.submitted[future][1] in killers]
        return (fatal[0], DIED) if fatal else (random.choice(running), Attempt("done"))

    found = outcomes(Workers(answer, count, calls), range(20))
    assert sorted(outcome.task for outcome in found) == list(range(20))
    assert {outcome.task for outcome in found if outcome.error} == killers
    assert all(outcome.attempts == (3 if outcome.task in killers else 1) for outcome in found)


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("cluster.dispatch.time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def doubled(clock, *last):
    """Two tasks of which "slow" does not answer before its copy runs; `last` are the answers after that."""
    answers = iter(last)

    def answer(workers, futures):
        if len(workers.submitted) < 3:
            clock.now += 20
            quick = [future for future in futures if workers.submitted[future][1] == "quick"]
            return (quick[0], Attempt("quick")) if quick else None
        which, attempt = next(answers)
        slow = [future for future in futures if workers.submitted[future][1] == "slow"]
        return slow[which], attempt

    workers = Workers(answer)
    found = outcomes(workers, ["slow", "quick"])
    return workers, [(outcome.task, outcome.result, outcome.attempts) for outcome in found]


def test_the_first_answer_of_a_straggler_and_its_copy_counts_and_the_other_is_not_waited_for(clock):
    workers, found = doubled(clock, (1, Attempt("copy")))
    assert found == [("quick", "quick", 1), ("slow", "copy", 1)]
    (first, _, _), (second, _, _) = (each for each in workers.submitted if each[1] == "slow")
    assert first != second


def test_a_copy_that_fails_leaves_the_other_to_answer(clock):
    _, found = doubled(clock, (1, FAILED), (0, Attempt("first")))
    assert found == [("quick", "quick", 1), ("slow", "first", 1)]


def test_no_call_is_doubled_before_the_time_of_a_straggler(clock, monkeypatch):
    monkeypatch.setattr("cluster.dispatch.STRAGGLER_SECONDS", 1000.0)
    rounds = iter(range(10))

    def answer(workers, futures):
        clock.now += 20
        quick = [future for future in futures if workers.submitted[future][1] == "quick"]
        if quick:
            return quick[0], Attempt("quick")
        return None if next(rounds) < 5 else (futures[0], Attempt("slow"))

    workers = Workers(answer)
    assert {outcome.result for outcome in outcomes(workers, ["slow", "quick"])} == {"slow", "quick"}
    assert len(workers.submitted) == 2


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

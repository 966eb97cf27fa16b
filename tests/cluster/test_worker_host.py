"""The host of a worker object: built once, never raising, and careful with memory."""

import threading

import pytest

from cluster import PoolError
from cluster.worker_host import Attempt, WorkerHost, check_built, failed_attempt


class Counter:
    built = 0

    def __init__(self):
        Counter.built += 1
        self.inside, self.most = 0, 0
        self.both = threading.Barrier(2)

    def double(self, number):
        return 2 * number

    def fail(self, number):
        raise ValueError(f"{number} is\nnot wanted")

    def meet(self, timeout):
        try:
            self.both.wait(timeout)
        except threading.BrokenBarrierError:
            return False
        return True


def test_the_worker_is_built_once_and_called():
    Counter.built = 0
    host = WorkerHost(Counter)
    assert host.build().error is None
    assert [host.call("double", n).result for n in (1, 2)] == [2, 4]
    assert Counter.built == 1


def test_what_a_task_raises_is_an_attempt_with_an_error_on_one_line():
    attempt = WorkerHost(Counter).call("fail", 3)
    assert attempt.error == "ValueError: 3 is not wanted"
    assert "in fail" in attempt.traceback
    assert not attempt.died


@pytest.mark.parametrize(("available", "concurrent"), [(2**20, True), (2**10, False)])
def test_a_call_begins_beside_another_only_with_memory_to_spare(monkeypatch, available, concurrent):
    monkeypatch.setattr("cluster.worker_host.available_memory", lambda: available)
    monkeypatch.setattr("cluster.worker_host.MEMORY_POLL_SECONDS", 0.01)
    host = WorkerHost(Counter, memory_headroom=2**15)
    timeout, results = 20 if concurrent else 0.2, []
    threads = [threading.Thread(target=lambda: results.append(host.call("meet", timeout).result)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [concurrent] * 2


def test_a_worker_that_could_not_be_built_is_an_error_with_its_traceback():
    try:
        raise RuntimeError("no weights")
    except RuntimeError as error:
        attempt = failed_attempt(error)
    check_built([Attempt()])
    with pytest.raises(PoolError, match="a worker cannot be built: RuntimeError: no weights") as refused:
        check_built([Attempt(), attempt])
    assert "no weights" in refused.value.__notes__[0]

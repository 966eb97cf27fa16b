"""Dask clusters that cannot be had, or are lost."""

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import psutil
import pytest
from block_work import area, die, mark_and_wait
from distributed import LocalCluster

from cluster import PoolError, PoolLost, dask_client, gather
from cluster.dask import use

BLOCKS = [(row, column) for row in range(30) for column in range(10)]


@pytest.fixture
def start(tmp_path):
    """Starts `dask scheduler` (returns its process and address), or a `dask worker` of an address."""
    processes = []

    def run(*arguments):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments, "--no-dashboard"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=tmp_path,
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.wait()


def free_port():
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def scheduler_at(start):
    address = f"tcp://127.0.0.1:{free_port()}"
    return start("scheduler", "--host", address), address


def worker_of(start, address):
    return start("worker", address, "--no-nanny", "--nthreads", "1", "--host", "127.0.0.1")


def test_threads_are_no_cluster():
    with dask_client("threads") as client:
        assert client is None
        assert gather(area, BLOCKS) == [{"area": row * column} for row, column in BLOCKS]


def test_where_no_scheduler_runs_the_address_is_named(monkeypatch):
    monkeypatch.setattr("cluster.dask.CONNECT_SECONDS", 1)
    with (
        pytest.raises(PoolLost, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:1'"),
        dask_client("tcp://127.0.0.1:1"),
    ):
        pass


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("tls://127.0.0.1:1", "set what tls needs in Dask's configuration"),
        ("unknown://127.0.0.1:1", "check the address"),
    ],
)
def test_a_transport_that_dask_lacks_ends_the_command_at_once_and_in_one_sentence(address, told):
    script = f"from cluster import dask_client\nwith dask_client({address!r}): pass"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert told in ended.stderr.splitlines()[-1]
    assert ended.stderr.splitlines()[-1].startswith("cluster.errors.Pool")


def test_two_clusters_of_processes_stand_side_by_side_and_listen_on_loopback_alone():
    before = listening()
    with dask_client("processes", 1) as one, dask_client("processes", 1) as other:
        for client in (one, other):
            with use(client):
                assert gather(area, BLOCKS[:3]) == [{"area": 0}] * 3
        opened = listening() - before
        assert len(opened) >= 4, "of each its scheduler and its pages"
        assert {at.ip for at in opened} == {"127.0.0.1"}


def listening():
    return {at.laddr for at in psutil.Process().net_connections("tcp") if at.status == psutil.CONN_LISTEN}


@pytest.mark.parametrize("address", ["", "process", "127.0.0.1:8786"])
def test_what_is_no_address_is_refused(address):
    with (
        pytest.raises(PoolError, match=rf"dask is '{address}', but it must be threads, processes or"),
        dask_client(address),
    ):
        pass


@pytest.mark.long
def test_a_scheduler_without_workers_is_told(start, monkeypatch):
    monkeypatch.setattr("cluster.dask.WORKER_SECONDS", 2)
    _, address = scheduler_at(start)
    with pytest.raises(PoolLost, match=rf"the Dask scheduler at '{address}' has no worker"), dask_client(address):
        pass


@pytest.mark.long
@pytest.mark.parametrize("which", ["scheduler", "worker"])
def test_a_cluster_that_is_lost_on_the_way_ends_in_a_sentence(start, monkeypatch, tmp_path, which):
    monkeypatch.setattr("cluster.dask.WORKER_SECONDS", 2)
    scheduler, address = scheduler_at(start)
    worker = worker_of(start, address)
    words = {"scheduler": "was lost", "worker": "has no worker"}[which]

    def end():
        while not list(tmp_path.glob("[0-9]*")):
            time.sleep(0.05)
        (scheduler if which == "scheduler" else worker).send_signal(signal.SIGKILL)

    ender = threading.Thread(target=end)
    with pytest.raises(PoolLost, match=rf"the Dask scheduler at '{address}' {words}"), dask_client(address):
        ender.start()
        gather(partial(mark_and_wait, tmp_path, 0.1), BLOCKS)
    ender.join()


def test_what_a_block_raises_counts_where_dask_fails_to_close_its_workers(monkeypatch):
    """Dask asserts that a process was started which it was about to start anew when the cluster closed."""
    own_close = LocalCluster.close

    def close(cluster, timeout=None):
        own_close(cluster, timeout)
        raise AssertionError("can only join a started process")

    monkeypatch.setattr(LocalCluster, "close", close)
    with pytest.raises(PoolLost, match="all died"), dask_client("processes", 1):
        raise PoolLost("all died")


@pytest.mark.long
def test_a_part_that_every_worker_dies_of_ends_in_a_sentence():
    with pytest.raises(PoolLost, match="each while it did the same part"), dask_client("processes", 2):
        gather(die, [1])

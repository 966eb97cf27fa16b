"""What keeps a Ray of one's own from starting ends in one sentence. Covers `processes.py`."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cluster import PoolError
from cluster.errors import PoolLost
from cluster.processes import descendants, end_descendants
from cluster.ray_local import exception_line, fatal_line, socket_folder, start_ray


@pytest.fixture
def no_folders(monkeypatch):
    for name in ("RAY_TMPDIR", "TMPDIR", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def short(tmp_path_factory):
    """A folder whose path is short."""
    folder = Path("/tmp") / tmp_path_factory.mktemp("short").name
    folder.mkdir(exist_ok=True)
    yield folder
    folder.rmdir()


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR", "XDG_RUNTIME_DIR"])
def test_sockets_lie_in_the_folder_that_the_environment_names_if_they_fit(no_folders, monkeypatch, short, name):
    assert socket_folder() == Path("/tmp")
    monkeypatch.setenv(name, str(short))
    assert socket_folder() == short


@pytest.mark.parametrize("folder", ["x" * 90, "gone", ""])
def test_a_folder_whose_path_is_too_long_or_that_is_not_there_is_passed_over(no_folders, monkeypatch, tmp_path, folder):
    if folder.startswith("x"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / folder) if folder else "")
    assert socket_folder() == Path("/tmp")


def test_no_folder_at_all_ends_in_one_sentence(no_folders, monkeypatch):
    monkeypatch.setattr("cluster.ray_local.os.access", lambda *asked: False)
    with pytest.raises(PoolLost, match="set RAY_TMPDIR to a folder that does"):
        socket_folder()


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), ValueError("port 0"), Exception("timed out")])
def test_whatever_ray_raises_as_it_starts_ends_in_one_sentence_and_leaves_no_process(monkeypatch, error):
    import ray

    begun = []

    def init(*arguments, **options):
        begun.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
        raise error

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr("cluster.ray_local.fatal_line", lambda logs: None)
    with pytest.raises(PoolError, match="no Ray could be started on this machine") as told:
        start_ray(1)
    assert str(error) in str(told.value)
    assert "\n" not in str(told.value)
    with begun[0]:
        assert not psutil.pid_exists(begun[0].pid)


def test_processes_of_processes_are_ended_and_those_from_before_stay():
    script = "import subprocess, sys; print(1, flush=True); subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as old:
        before = descendants()
        with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as new:
            assert new.stdout.readline() == b"1\n"
            end_descendants(but=before)
            assert not psutil.pid_exists(new.pid)
            assert descendants() == before
        assert old.poll() is None
        assert old.pid in [process.pid for process in descendants()]
        old.kill()


def test_the_line_that_ended_a_process_of_ray_is_found_in_its_logs(tmp_path):
    assert fatal_line(tmp_path) is None
    (tmp_path / "gcs_server.err").write_text("[2026-11-28 11:34:10,644 I 1 1] (gcs_server) main.cc:1: Started\n")
    (tmp_path / "raylet.err").write_text(
        "[2026-11-28 11:34:10,644 C 3918 3918] (raylet) node_manager.cc:3576:  An unexpected system state has "
        "occurred. You have likely discovered a bug in Ray. Please report this issue at X and we'll work with you to "
        "fix it. Check failed: Timed out waiting for file\n*** StackTrace Information ***\n"
    )
    assert fatal_line(tmp_path) == "raylet: Check failed: Timed out waiting for file"


def test_a_traceback_ends_with_the_line_that_names_its_exception():
    assert exception_line("a warning\n") is None
    trace = 'Traceback (most recent call last):\n  File "a.py", line 1\n    1/0\nZeroDivisionError: division\n  more\n'
    assert exception_line(f"a warning\n{trace}next: line\n") == "ZeroDivisionError: division"

"""`idgbr update --every`: what ends it, what does not, and how it is stopped."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from types import SimpleNamespace

import psutil
import pytest
from command import run_here

from catalogs.errors import CatalogError, CatalogUnavailable
from cluster.errors import PoolError, PoolLost
from cluster.ray_session import HEAD_TIMEOUT
from pipeline.cli import runs, updates
from pipeline.errors import NoScenes, RunError, RunHeld, UserError
from pipeline.execution import repeat
from pipeline.storage.lease import CubeHeld

EVERY = ("update", "region.yaml", "--every", "6h")
SECONDS = 60


@pytest.fixture
def one_of_many(monkeypatch):
    """A function that does one of many updates in this process, which raises an error; as the command ends."""

    def update(error):
        def fail(*arguments, **named):
            raise error

        monkeypatch.setattr(runs, "_run", fail)
        monkeypatch.setenv(updates.ONE_OF_MANY, "1")
        return run_here(*EVERY)

    return update


@pytest.fixture
def ended_by(monkeypatch):
    """A function that lets the processes of updates end with exit codes, one after the other; as the command ends."""

    def update(*codes):
        left = list(codes)

        class Ended:
            def __init__(self, *arguments, **options):
                pass

            def wait(self):
                return left.pop(0)

        hours = iter(range(0, 10**9, 3600))
        monkeypatch.setattr(updates, "subprocess", SimpleNamespace(Popen=Ended))
        monkeypatch.setattr(repeat, "clock", SimpleNamespace(time=hours.__next__, sleep=lambda seconds: None))
        return run_here(*EVERY), left

    return update


@pytest.mark.parametrize(
    "error",
    [
        CubeHeld("held"),
        CatalogUnavailable("away"),
        CatalogError("the answer is no JSON"),
        PoolError("a worker cannot be built"),
        NoScenes("no scenes of this month yet"),
        RunError("failed"),
        RunHeld("a gate"),
        OSError(errno.ENOSPC, "No space left on device", "/cubes/a"),
    ],
)
def test_what_may_pass_is_told_and_not_an_exit_code_of_wrong_use(one_of_many, error):
    done = one_of_many(error)
    assert done.returncode in (1, 3, 75)
    (said,) = done.stderr.splitlines()
    assert said.startswith("idgbr: /cubes/a cannot be used (No space left" if error.args[1:] else f"idgbr: {error}")


def test_a_lost_ray_stays_one_which_the_command_leaves_without_waiting_for_it(monkeypatch):
    def lose():
        raise PoolLost("the Ray was lost")

    monkeypatch.setenv(updates.ONE_OF_MANY, "1")
    with pytest.raises(PoolLost):
        updates.update_every("6h", lose)


def test_what_no_later_update_can_mend_is_wrong_use(one_of_many):
    assert one_of_many(UserError("wrong")).returncode == updates.WRONG


def test_after_updates_that_failed_or_crashed_the_next_one_is_made_until_one_is_wrong_use(ended_by):
    done, left = ended_by(0, 1, 3, 75, 137, -signal.SIGKILL, updates.WRONG, 0)
    assert (done.returncode, left) == (2, [0])
    (said,) = done.stderr.splitlines()
    assert said.startswith("idgbr: this update was ended by SIGKILL")


def test_where_nobody_reads_what_it_prints_any_more_it_ends(one_of_many, ended_by):
    code = one_of_many(BrokenPipeError()).returncode
    done, left = ended_by(0, code, 0)
    assert (done.returncode, left) == (1, [0])


def test_an_update_is_the_same_command_in_a_process_of_its_own(tmp_path):
    command = [*updates.COMMAND, "update", "none.yaml", "--every", "6h"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 2
    assert done.stderr == "idgbr: cannot read none.yaml (No such file or directory); give the path of a YAML file\n"


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "Ctrl-C (SIGINT)"), (signal.SIGTERM, "SIGTERM")])
def test_a_signal_ends_the_update_that_is_made_in_order_and_one_sentence_tells_so(tmp_path, number, name):
    update = f"""
        import os, pathlib, time
        from pipeline.cli import stop
        with stop.stoppable(["update"]):
            try:
                print(os.getpid(), flush=True)
                time.sleep({SECONDS})
            finally:
                pathlib.Path({str(tmp_path / "given-back")!r}).touch()
    """
    script = f"""
        import sys
        from pipeline.cli import stop, updates
        updates.COMMAND = (sys.executable, "-c", {textwrap.dedent(update)!r})
        with stop.stoppable(["update"]):
            updates.update_every("6h", None)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    child = int(process.stdout.readline())
    process.send_signal(number)
    _, told = process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + number
    assert told == f"idgbr: stopped by {name}; every block that was committed is kept, and the same command goes on\n"
    assert (tmp_path / "given-back").exists()
    assert not psutil.pid_exists(child)


@pytest.mark.ray
@pytest.mark.long
def test_after_an_update_whose_ray_lost_its_head_the_next_one_is_made(region_of):
    region = region_of()
    command = [*updates.COMMAND, "update", region.cube.parent / "region.yaml", "--address", "local", "--every", "1m"]
    environment = os.environ | {HEAD_TIMEOUT: "10"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        _head(process).kill()
        lines = iter(process.stdout.readline, "")
        published = any("published" in line for line in lines)
        process.terminate()
        _, told = process.communicate(timeout=SECONDS)
    assert published, told
    assert "idgbr: the Ray at local was lost" in told


def _head(process):
    """The head of the Ray that a command starts, once a worker is there."""
    for _ in range(10 * SECONDS):
        names = {each.name(): each for each in psutil.Process(process.pid).children(recursive=True)}
        if "gcs_server" in names and any("WorkerHost" in name for name in names):
            return names["gcs_server"]
        time.sleep(0.1)
    raise AssertionError(names)


def test_a_look_ahead_is_not_repeated():
    assert run_here(*EVERY, "--dry-run").returncode == 2

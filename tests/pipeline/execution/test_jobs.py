"""`ray job submit -- idgbr run`: a Ray head as the README starts it, with token authentication on."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from urllib.request import urlopen

import psutil
import pytest

from pipeline.cube.cube import Cube
from pipeline.cube.open import open_cube
from pipeline.cube.status import status

METRICS = ("blocks_done", "blocks_degraded", "km2_per_hour", "device_busy_share", "queue_depth")
BIN = Path(sys.executable).parent
README = (Path(__file__).parents[3] / "README.md").read_text()
EXPORTED = {
    name: value
    for line in re.findall(r"^export (.*)$", README, re.MULTILINE)
    for name, value in re.findall(r"(RAY_\w+)=([\w.]+)", line)
}
START = re.search(r"^ray (start .*)$", README, re.MULTILINE)[1].split()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def ray_head(environment, dashboard, temp, metrics):
    """The command of the README, on ports that are free; only this process and its children are ended."""
    ports = ("--port", "--dashboard-agent-listen-port", "--ray-client-server-port")
    command = [
        BIN / "ray", *START, "--block", "--num-cpus=2", f"--temp-dir={temp}", f"--metrics-export-port={metrics}",
        f"--dashboard-port={dashboard}",
        *(f"{port}={free_port()}" for port in ports),
    ]  # fmt: skip
    log = (temp.parent / "ray-head.log").open("w")
    head = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 90
        while time.monotonic() < end and head.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", dashboard)) == 0:
                    break
            time.sleep(0.2)
        else:
            raise RuntimeError((temp.parent / "ray-head.log").read_text())
        yield head.pid
    finally:
        head.terminate()
        head.wait(timeout=60)
        log.close()


@pytest.fixture
def ray_job(tmp_path):
    """A Ray head with token authentication on, and a function that runs `ray job ...` against it."""
    dashboard, metrics = free_port(), free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        **EXPORTED,
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }
    elsewhere = tmp_path / "a clean folder"
    elsewhere.mkdir()

    def job(*command, **changed):
        verb, *rest = command
        words = [BIN / "ray", "job", verb, "--address", f"http://127.0.0.1:{dashboard}", *rest]
        for _ in range(30):
            done = subprocess.run(
                words, env=environment | changed, capture_output=True, text=True, timeout=240, cwd=elsewhere
            )
            if "No available agent" not in done.stderr + done.stdout:
                break
            time.sleep(1)
        return done

    temp = Path("/tmp") / f"ray-{secrets.token_hex(4)}"
    temp.mkdir()
    with ray_head(environment, dashboard, temp, metrics) as head:
        yield SimpleNamespace(run=job, metrics=f"http://127.0.0.1:{metrics}/metrics", session=temp, head=head)


def drivers(region):
    """The processes that run a region's file, by /proc."""
    wanted = str(region.cube.parent / "region.yaml")
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes().decode().split("\0")
            if any(word.endswith("idgbr") for word in words[:2]) and wanted in words:
                found.append(int(folder.name))
    return found


def wait_for(what, seconds=180):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.1)
    raise TimeoutError


def output(done):
    return done.stdout + done.stderr


@contextmanager
def watched(url):
    """The names of all metrics that are shown at some time during the block."""
    shown, over = set(), threading.Event()

    def watch():
        while not over.wait(1):
            with suppress(OSError):
                shown.update(re.findall(r"^(\w+)\{", urlopen(url, timeout=5).read().decode(), re.MULTILINE))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield shown
    finally:
        over.set()
        thread.join()


def assert_same(region, other):
    ours, theirs = open_cube(region.cube), open_cube(other.cube)
    for name in ("mosaic", "landcover", "coarse", "confidence", "refined", "observations"):
        assert ours[name].values.tobytes() == theirs[name].values.tobytes(), name


def listening(pid):
    """The addresses that a process and its children listen on."""
    process = psutil.Process(pid)
    connections = [c for each in (process, *process.children(recursive=True)) for c in each.net_connections("inet")]
    return {c.laddr.ip.removeprefix("::ffff:") for c in connections if c.status == psutil.CONN_LISTEN}


@pytest.mark.long
@pytest.mark.ray
def test_the_head_of_the_readme_listens_on_this_machine_alone_and_reports_to_nobody(ray_job):
    assert EXPORTED["RAY_AUTH_MODE"] == "token"
    assert EXPORTED["RAY_USAGE_STATS_ENABLED"] == "0"
    with watched(ray_job.metrics) as shown:
        assert wait_for(lambda: shown)
    assert listening(ray_job.head) == {"127.0.0.1"}


@pytest.mark.long
@pytest.mark.ray
def test_a_submitted_job_goes_on_without_its_submitter_and_after_the_death_of_its_driver(ray_job, region_of, whole):
    """As a user types it, from a clean folder; the submitter leaves at once; the driver is killed; submitted again."""
    region = region_of("submitted", commit_every=1, bbox=whole[0].bbox)
    job = ["--", "idgbr", "run", str(region.cube.parent / "region.yaml"), "--workers", "2"]

    refused = ray_job.run("submit", *job, RAY_AUTH_TOKEN=secrets.token_hex(32))
    assert refused.returncode != 0
    assert not drivers(region)

    sent = ray_job.run("submit", "--no-wait", "--submission-id", "first", *job)
    assert sent.returncode == 0, output(sent)

    def finished():
        cube = Cube.find(region.cube)
        return sum(run.mosaic + run.landcover for run in status(cube).running.values()) if cube else 0

    wait_for(lambda: finished() >= 3)
    running = drivers(region)
    assert running
    for driver in running:
        os.kill(driver, signal.SIGKILL)
    wait_for(lambda: "failed" in output(ray_job.run("status", "first")).lower(), 60)
    kept = finished()
    assert kept >= 3
    with pytest.raises(ValueError, match="nothing is published"):
        open_cube(region.cube)

    with watched(ray_job.metrics) as shown:
        again = ray_job.run("submit", *job)
    assert again.returncode == 0, output(again)
    assert "succeeded" in output(again)
    assert {f"ray_idgbr_{name}" for name in METRICS} <= shown
    (report,) = region.cube.glob("runs/*/report.json")
    assert sum(json.loads(report.read_text())["done"].values()) == 2 * len(list(region.extent.blocks())) - kept
    assert_same(region, whole[0])

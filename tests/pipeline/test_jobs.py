"""`ray job submit -- idgbr run`: a Ray head as the README starts it, with token authentication on."""

import os
import secrets
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.query import open_cube

BIN = Path(sys.executable).parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def ray_head(environment, dashboard, temp):
    """`ray start --head --block` on loopback; only this process and its children are ended."""
    ports = ("--port", "--dashboard-agent-listen-port", "--metrics-export-port", "--ray-client-server-port")
    command = [
        BIN / "ray", "start", "--head", "--block", "--num-cpus=2", "--disable-usage-stats", f"--temp-dir={temp}",
        "--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}",
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
        yield
    finally:
        head.terminate()
        head.wait(timeout=60)
        log.close()


@pytest.mark.ray
def test_a_submitted_job_maps_the_region(region_of, tmp_path_factory):
    region = region_of("submitted")
    dashboard = free_port()
    environment = os.environ | {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }
    submit = [BIN / "ray", "job", "submit", "--address", f"http://127.0.0.1:{dashboard}", "--"]
    job = ["idgbr", "run", str(region.cube.parent / "region.yaml"), "--workers", "2"]
    temp = Path("/tmp") / f"ray-{secrets.token_hex(4)}"
    temp.mkdir()
    with ray_head(environment, dashboard, temp):
        stranger = environment | {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
        refused = subprocess.run([*submit, *job], env=stranger, capture_output=True, text=True, timeout=120)
        assert refused.returncode != 0
        for _ in range(30):
            done = subprocess.run([*submit, *job], env=environment, capture_output=True, text=True, timeout=240)
            if "No available agent" not in done.stderr + done.stdout:
                break
            time.sleep(1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "succeeded" in done.stdout
    cube = open_cube(region.cube)
    assert ((cube.landcover.values > 0) == (cube.observations.values > 0)).all()

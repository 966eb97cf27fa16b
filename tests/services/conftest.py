"""A STAC API server as it is run in production: stac-fastapi with pgstac on PostgreSQL and PostGIS, on loopback."""

import contextlib
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path

import pytest

from catalogs.simulated import DEFAULT_DATES, simulate

HERE = Path(__file__).parent
sys.path.append(str(HERE))


def pytest_configure(config):
    config.addinivalue_line("markers", "services: needs the servers that `make test-services` installs")


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.services)
            if "IDGBR_SERVICES" not in os.environ:
                item.add_marker(pytest.mark.skip(reason="IDGBR_SERVICES is not set: run `make test-services`"))


class Server:
    """A STAC API on a port of its own, which can be killed and started again; `log` is its access log."""

    def __init__(self, folder, database):
        self.folder, self.database = folder, database
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        command = [os.environ["IDGBR_SERVICES"] + "/bin/python", "-m", "uvicorn", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--factory", "stac_fastapi.pgstac.app:create_app"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self.database, stdout=log, stderr=log)
        for _ in range(300):
            with contextlib.suppress(OSError, urllib.error.URLError), urllib.request.urlopen(self.url, timeout=5):
                return
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def log(self):
        return self.folder / f"api-{self.port}.log"

    @property
    def searches(self):
        """How many searches were answered so far."""
        return self.log.read_text().count('"POST /search HTTP/1.1" 200')


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def database():
    """A PostgreSQL cluster of its own with pgstac in it; the environment that finds it."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    folder = Path(tempfile.mkdtemp(prefix="idgbr-services-"))
    password = folder / "password"
    password.write_text(secrets.token_hex(16))
    as_user = []
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        for path in (folder, password):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        as_user = ["runuser", "-u", "postgres", "--"]

    def postgres(program, *arguments):
        command = [*as_user, str(binaries / program), "-D", str(folder / "data"), *arguments]
        done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, done.stderr

    port = free_port()
    settings = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    environment = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "postgres"}
    environment |= {"PGPASSWORD": password.read_text(), "PGDATABASE": "postgres"}
    try:
        postgres(
            "initdb", "-A", "scram-sha-256", "-U", "postgres", "--pwfile", str(password), "-E", "UTF8", "--no-locale"
        )
        postgres("pg_ctl", "-w", "-l", str(folder / "log"), "-o", settings, "start")
        python = Path(environment["IDGBR_SERVICES"]) / "bin"
        subprocess.run([python / "pypgstac", "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)
        yield environment
    finally:
        with contextlib.suppress(AssertionError):
            postgres("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def items(database, tmp_path_factory):
    """All items the server was loaded with: simulated, made about the antimeridian, and real ones if they are here."""
    folder = tmp_path_factory.mktemp("items")
    world = simulate(folder / "world", 3, kilometres=3, dates=DEFAULT_DATES)
    loaded = [json.loads(line) for line in world.items.read_text().splitlines()]
    loaded += [moved(item, number) for number, item in enumerate(loaded * 3)]
    if "IDGBR_DATA" in os.environ:
        data = Path(os.environ["IDGBR_DATA"])
        paths = [*data.glob("sentinel2_l2a_33T/*/*/*.json"), *data.glob("stac_items/items/*.json")]
        loaded += [json.loads(path.read_text()) for path in sorted(paths)]
    loaded = list({item["id"]: item for item in loaded if item.get("collection")}.values())
    path = folder / "items.ndjson"
    path.write_text("\n".join(map(json.dumps, loaded)))
    subprocess.run(
        [Path(database["IDGBR_SERVICES"]) / "bin" / "python", HERE / "load.py", path], env=database, check=True
    )
    return loaded


def moved(item, number):
    """A copy of an item elsewhere along 17 degrees south, about the antimeridian, on another day with another cloud."""
    west = 178.1 + 0.4 * (number % 9)
    east = west + 1
    ring = [[west, -17.5], [east, -17.5], [east, -16.5], [west, -16.5], [west, -17.5]]
    geometry = {"type": "Polygon", "coordinates": [[[x - 360 if x > 180 else x, y] for x, y in ring]]}
    if east > 180 and west < 180 and number % 2:
        halves = ((west, 180), (-180, east - 360))
        rings = [[[[w, -17.5], [e, -17.5], [e, -16.5], [w, -16.5], [w, -17.5]]] for w, e in halves]
        geometry = {"type": "MultiPolygon", "coordinates": rings}
    xs = [x for x, _ in geometry["coordinates"][0]] if geometry["type"] == "Polygon" else [-180, 180]
    sensed = datetime.fromisoformat(f"2024-{1 + number % 12:02}-{1 + number % 28:02}T22:10:0{number % 10}+00:00")
    cloud = None if number % 7 == 0 else number * 13 % 101
    properties = {**item["properties"], "datetime": sensed.isoformat(), "eo:cloud_cover": cloud}
    properties = {name: value for name, value in properties.items() if value is not None}
    bbox = [min(xs), -17.5, max(xs), -16.5]
    assets = {**item["assets"], "thumbnail": {"href": "https://example.org/thumbnail.jpg"}}
    moved = {"id": f"moved-{number:03}", "geometry": geometry, "bbox": bbox, "properties": properties, "assets": assets}
    return {**item, **moved}


@pytest.fixture(scope="session")
def server(items, database, tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"), database)
    server.start()
    yield server
    server.kill()

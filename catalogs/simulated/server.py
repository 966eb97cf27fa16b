"""A STAC API for a simulated world, on loopback."""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalogs.errors import CatalogError
from catalogs.simulated.items import COLLECTION

START_SECONDS = 20.0
STOP_SECONDS = 5.0


class ServerError(CatalogError):
    """The STAC API server could not be started."""


@contextmanager
def serve(folder: str | Path, port: int = 0) -> Iterator[str]:
    """Serve the world in `folder` with `rustac serve` on 127.0.0.1 (port 0: any free one); yields the URL.

    Searches by POST with bbox, intersects, datetime, ids, collections and paging; no filter or sort, and no search by
    GET. Raises ServerError where there is no rustac or no world, the port is taken, or no answer comes in 20 seconds.
    """
    folder = Path(folder)
    collection, items = folder / COLLECTION / "collection.json", folder / "items.ndjson"
    for path in (collection, items):
        if not path.exists():
            raise ServerError(f"{path} is missing: {folder} holds no simulated world; make one with simulate.")
    command = shutil.which("rustac", path=str(Path(sys.executable).parent)) or shutil.which("rustac")
    if command is None:
        raise ServerError("the command rustac is not installed: install the package's extra 'simulated'.")
    address = f"127.0.0.1:{_free_port(port)}"
    url = f"http://{address}"
    with tempfile.TemporaryDirectory() as scratch:
        # rustac follows a collection's item links, and from the working folder: it is given a copy without links.
        bare, errors = Path(scratch) / "collection.json", Path(scratch) / "errors.txt"
        bare.write_text(json.dumps(json.loads(collection.read_text()) | {"links": []}))
        arguments = [command, "serve", "--addr", address, "--use-duckdb", "false", str(bare), str(items)]
        with errors.open("w") as stderr:
            process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=stderr)
        try:
            if not _wait_until_ready(url, process):
                reason = errors.read_text().strip() or f"no answer within {START_SECONDS:g} s"
                raise ServerError(f"rustac does not serve {folder} at {address}: {reason}")
            yield url
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + START_SECONDS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < end and process.poll() is None:
        try:
            with opener.open(url, timeout=1):
                return True
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.05)
    return False


def _free_port(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServerError(f"port {port} cannot be used ({error.strerror}): name another, or 0 for any.") from error
        return int(probe.getsockname()[1])

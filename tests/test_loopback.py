"""The guard of tests/helpers/loopback.py: nothing that a test starts reaches beyond this machine."""

import socket
import subprocess
import sys
import time

import obstore
import pytest
import rasterio
import requests
from loopback import is_local
from obstore.store import HTTPStore


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.0.1", "::1", "0.0.0.0", "", None, b"localhost"])
def test_this_machine_is_local(host):
    assert is_local(host)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.org", b"example.org", "localhost.example.org"])
def test_anything_else_is_not(host):
    assert not is_local(host)


@pytest.mark.parametrize(
    "reach",
    [
        lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
        lambda: socket.socket().connect(("192.0.2.1", 80)),
        lambda: socket.socket().connect_ex(("192.0.2.1", 80)),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"?", ("192.0.2.1", 53)),
        lambda: socket.getaddrinfo("example.org", 80),
        lambda: socket.gethostbyname("example.org"),
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_python_cannot_reach_beyond_loopback_and_no_handler_hides_it(reach):
    with pytest.raises(pytest.fail.Exception, match="beyond loopback"):
        try:
            reach()
        except Exception:  # noqa: BLE001
            return


def test_loopback_is_open():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


CHILD = "import urllib.request; urllib.request.urlopen('http://192.0.2.1/x', timeout=60)"


@pytest.mark.parametrize(
    ("reach", "error"),
    [
        (lambda: requests.get("http://192.0.2.1/x", timeout=60), requests.exceptions.ProxyError),
        (lambda: rasterio.open("/vsicurl/http://192.0.2.1/x.tif"), rasterio.RasterioIOError),
        (
            lambda: obstore.get(
                HTTPStore.from_url(
                    "http://192.0.2.1", client_options={"allow_http": True}, retry_config={"max_retries": 0}
                ),
                "x",
            ),
            Exception,
        ),
        (
            lambda: subprocess.run([sys.executable, "-c", CHILD], check=True, capture_output=True),
            subprocess.CalledProcessError,
        ),
    ],
    ids=["requests", "GDAL", "obstore", "child"],
)
def test_what_reads_the_proxy_variables_is_refused_at_once(reach, error):
    start = time.monotonic()
    with pytest.raises(error):
        reach()
    assert time.monotonic() - start < 30

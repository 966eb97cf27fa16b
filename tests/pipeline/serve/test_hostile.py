"""What a client may do to the service: slow ones, many, and requests from all that its OpenAPI allows and more.

Also `timed_protocol.py`.
"""

import socket
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from made_maps import patches, publish
from schemathesis import GenerationMode

from pipeline.cube.cube import Cube
from pipeline.serve.app import create_app
from pipeline.serve.listen import bind, http_server
from pipeline.serve.server import Limits

SLOW = 64
PATIENCE = Limits(head=0.6, upload=0.6, exchange=3.0, threads=2)


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile") / "cube"
    publish(Cube.create(folder), patches())
    return folder


@contextmanager
def serving(cube, limits):
    """The port of a service in a thread of this process."""
    bound = bind("127.0.0.1", 0)
    server = http_server(Cube.open(cube), (), limits)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        yield bound.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        bound.close()


def status_of(name):
    """A number of /proc: VmRSS in kB, Threads."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))


def exchange(port, content):
    """What is answered to some bytes until the server closes, and the seconds it took."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        parts = []
        with suppress(ConnectionError):  # It may close while the rest is still being sent.
            client.sendall(content)
        with suppress(ConnectionError):
            while part := client.recv(65536):
                parts.append(part)
    return b"".join(parts), time.monotonic() - begun


def drip(port, begin, stop, outcome):
    """Sends a byte every tenth of a second after the beginning, until the server ends it."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.settimeout(0.1)
        try:
            client.sendall(begin)
            while not stop.is_set():
                try:
                    if not client.recv(65536):
                        break
                except TimeoutError:
                    client.sendall(b"a")
        except (ConnectionError, BrokenPipeError):
            pass
    outcome.append(stop.is_set())


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /cube HTTP/1.1\r\nHost: x\r\nX-Slow: ", id="head"),
        pytest.param(b"POST /areas HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", id="body"),
        pytest.param(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", id="unread body"),
        pytest.param(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\nGET / HT", id="second request"),
    ],
)
def test_slow_clients_are_let_go_while_others_are_served(cube, begin):
    with serving(cube, PATIENCE) as port:
        whole, _ = exchange(port, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert whole.startswith(b"HTTP/1.1 200")
        memory, threads, stop, outcome = status_of("VmRSS"), status_of("Threads"), threading.Event(), []
        slow = [threading.Thread(target=drip, args=(port, begin, stop, outcome)) for _ in range(SLOW)]
        for each in slow:
            each.start()
        found, took = exchange(port, b"GET /cube HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert found.startswith(b"HTTP/1.1 200")
        assert took < 5
        assert status_of("VmRSS") - memory < 100_000
        assert status_of("Threads") - threads <= SLOW + 50, "the clients' own, and those of anyio"
        until = time.monotonic() + 8
        for each in slow:
            each.join(max(until - time.monotonic(), 0))
        stop.set()
        for each in slow:
            each.join()
    assert outcome == [False] * SLOW, "the server ended each of them"


def test_a_slow_head_and_a_slow_body_are_told(cube):
    with serving(cube, PATIENCE) as port:
        for begin in (b"GET / HTTP/1.1\r\nHo", b"POST /areas HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"):
            answer, took = exchange(port, begin)
            assert answer.startswith(b"HTTP/1.1 408"), answer
            assert b"faster" in answer
            assert took < 5


def test_more_clients_than_may_be_are_refused_and_later_ones_served(cube):
    with serving(cube, Limits(head=0.6, connections=8)) as port:
        waiting = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        time.sleep(0.1)
        ask = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert exchange(port, ask)[0].startswith(b"HTTP/1.1 503")
        time.sleep(1.0)
        assert exchange(port, ask)[0].startswith(b"HTTP/1.1 200")
        for each in waiting:
            each.close()


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\xff\x16\x03\x01" * 40,
        b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000,
        b"GET /" + b"../" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /assets/..%2f..%2fapp.py HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /assets/%00%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /assets/" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET //etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /areas HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /areas HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFF\r\n",
        b"GET /tiles/landcover/0/0/0.png?hide=" + b"9" * 30_000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
    ids=lambda content: repr(content[:30]),
)
def test_what_is_no_request_is_refused(cube, content):
    with serving(cube, PATIENCE) as port:
        answer, took = exchange(port, content)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:200]
        assert took < 5


def test_a_client_that_goes_away_while_it_sends_leaves_no_trace(cube, capfd):
    with serving(cube, PATIENCE) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"POST /areas HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        time.sleep(0.3)
    assert "Traceback" not in capfd.readouterr().err


def fuzz(app, examples):
    """Requests that fit the OpenAPI and that break it, always the same; gives the statuses seen by path."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    seen = {}
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case):
            response = case.call()
            case.validate_response(response, checks=[refuses_in_a_sentence])
            seen.setdefault(case.operation.label, set()).add(response.status_code)

        ask()
    return seen


def refuses_in_a_sentence(context, response, case):
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert response.json()["error"], response.text


@pytest.mark.long
def test_nothing_that_the_openapi_allows_or_forbids_breaks_the_service(cube):
    with TestClient(create_app(Cube.open(cube))) as client:
        seen = fuzz(client.app, 30)
        assert client.get("/cube").status_code == 200
    assert len(seen) >= 6
    assert all(statuses <= {200, 304, 400, 404, 405, 408, 413, 415, 422} for statuses in seen.values()), seen

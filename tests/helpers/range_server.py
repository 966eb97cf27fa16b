"""A web server of a folder on loopback that honours byte ranges, counts what it is asked, and fails on purpose.

It runs in a process of its own: GDAL may wait for an answer while it holds Python's lock.
"""

import json
import random
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

STATUSES = ("403", "404", "429", "500", "503")
CONTROL = "/-/control"


@dataclass(frozen=True)
class Faults:
    """Which requests fail: the share `rate` of them, by one of `kinds`, as the seed and the request alone decide.

    Kinds are statuses, `reset`, `short` (breaks off half-way) and `slow` (answers after `seconds`). A request, that is
    one range of one path, fails at most `most` times, so faults pass. What `lost` names fails always: part of a path to
    the kind of its fault.
    """

    rate: float = 0.0
    kinds: tuple[str, ...] = ("503",)
    most: int = 1
    seed: int = 0
    seconds: float = 3.0
    lost: dict[str, str] = field(default_factory=dict)

    def of(self, path: str, span: str, before: int) -> str | None:
        """The fault of a request that has failed `before` times, None if it is to succeed."""
        for part, kind in self.lost.items():
            if part in path:
                return kind
        dice = random.Random(f"{self.seed} {path} {span}")
        return dice.choice(self.kinds) if before < self.most and dice.random() < self.rate else None


@dataclass(frozen=True)
class Asked:
    """One request of a file: `span` is the first byte asked for and the one after the last, `fault` how it failed,
    `sent` how many bytes it got; `signed`: it came with an Authorization."""

    path: str
    method: str
    span: tuple[int, int]
    fault: str | None
    sent: int
    signed: bool


@dataclass(frozen=True)
class Server:
    """A running server, as a test sees it."""

    url: str

    @property
    def token_url(self) -> str:
        """An endpoint of tokens, as a signer names it."""
        return self.url + "/token/{account}/{container}"

    @property
    def asked(self) -> list[Asked]:
        return [Asked(**{**row, "span": tuple(row["span"])}) for row in self._control({})["asked"]]

    @property
    def tokens(self) -> list[str]:
        """All tokens given, in their order."""
        return self._control({})["tokens"]

    def new_token(self) -> str:
        """A token as the endpoint gives it."""
        with urllib.request.urlopen(self.url + "/token/a/c", timeout=30) as answer:
            return json.load(answer)["token"]

    @property
    def most_open(self) -> int:
        """How many requests were open at once, at most."""
        return self._control({})["most_open"]

    def fail(self, faults: Faults) -> None:
        """From now on these faults, none of them met before."""
        self._control({"faults": asdict(faults)})

    def change(self, **settings: object) -> None:
        """`uses`: so many requests of files is each new token good for. `spent`: no token works any longer.
        `redirects`: path to URL. `forget`: what was asked."""
        self._control(settings)

    def _control(self, settings: dict) -> dict:
        with urllib.request.urlopen(self.url + CONTROL, json.dumps(settings).encode(), timeout=30) as answer:
            return json.load(answer)


@contextmanager
def serving(folder: Path, faults: Faults = Faults(), uses: int | None = None) -> Iterator[Server]:
    """A server of `folder` until the end. `uses`: tokens are asked for, each good for so many requests of files."""
    command = [sys.executable, __file__, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            server = Server(f"http://127.0.0.1:{int(process.stdout.readline())}")
            server.change(faults=asdict(faults), uses=uses)
            yield server
        finally:
            process.stdin.close()
            process.terminate()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.lock, self.faults = folder, threading.Lock(), Faults()
        self.uses: int | None = None
        self.tokens: dict[str, int] = {}
        self.redirects: dict[str, str] = {}
        self.asked: list[Asked] = []
        self.failed: Counter[tuple[str, str]] = Counter()
        self.most_open = self.open = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is none of ours."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        server, told = self.server, json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            if "faults" in told:
                server.faults = Faults(**told["faults"])
                server.failed.clear()
            server.uses, server.redirects = told.get("uses", server.uses), told.get("redirects", server.redirects)
            if told.get("spent"):
                server.tokens = dict.fromkeys(server.tokens, 0)
            if told.get("forget"):
                server.asked.clear()
            state = {"asked": [asdict(row) for row in server.asked], "tokens": list(server.tokens)}
            self._send(200, json.dumps(state | {"most_open": server.most_open}).encode())

    def do_GET(self) -> None:
        server, parts = self.server, urlsplit(self.path)
        path = unquote(parts.path)
        if path in server.redirects:
            self._send(302, b"", Location=server.redirects[path])
        elif path.startswith("/token/"):
            self._send(200, json.dumps(self._token()).encode())
        else:
            self._file(path, parts.query)

    def _token(self) -> dict[str, str]:
        server = self.server
        with server.lock:
            token = f"sig=secret{len(server.tokens)}"
            server.tokens[token] = server.uses or 0
        return {"msft:expiry": (datetime.now(UTC) + timedelta(hours=1)).isoformat(), "token": token}

    def _file(self, path: str, query: str) -> None:
        server, file, span = self.server, self.server.folder / path.lstrip("/"), self.headers.get("Range", "")
        size = file.stat().st_size if file.is_file() else 0
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", span)
        start, stop = (int(match[1]), min(int(match[2]) + 1, size)) if match else (0, size)
        fault = self._fault(path, query, f"{self.command} {span}") or (None if file.is_file() else "404")
        sent = 0 if fault or self.command == "HEAD" else stop - start
        with server.lock:
            server.asked.append(Asked(path, self.command, (start, stop), fault, sent, "Authorization" in self.headers))
            server.open += 1
            server.most_open = max(server.most_open, server.open)
        if fault == "slow":
            time.sleep(server.faults.seconds)
        with server.lock:
            server.open -= 1
        if fault in STATUSES:
            return self._send(int(fault), b"")
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return self.connection.close()
        with file.open("rb") as source:
            source.seek(start)
            body = source.read(stop - start)
        if match:
            return self._send(206, body, fault == "short", Content_Range=f"bytes {start}-{stop - 1}/{size}")
        return self._send(200, body, fault == "short")

    def _fault(self, path: str, query: str, request: str) -> str | None:
        server, token = self.server, f"sig={parse_qs(query).get('sig', [''])[0]}"
        with server.lock:
            if server.uses is not None:
                left = server.tokens.get(token, 0)
                server.tokens[token] = left - 1
                if left < 1:
                    return "403"
            fault = server.faults.of(path, request, server.failed[path, request])
            server.failed[path, request] += fault is not None
        return fault

    def _send(self, status: int, body: bytes, cut: bool = False, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Accept_Ranges": "bytes", "Content_Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def log_message(self, *_: object) -> None:
        """The tests read `asked` instead."""


if __name__ == "__main__":
    running = _Server(Path(sys.argv[1]))
    print(running.server_port, flush=True)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    sys.stdin.read()

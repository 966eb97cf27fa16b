"""A web server of a folder on loopback that honours byte ranges, counts what it is asked, and fails on purpose."""

import json
import random
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

STATUSES = ("404", "429", "500", "503")
FAULTS = (*STATUSES, "reset", "short", "slow")
HELD = Path("held")


@dataclass(frozen=True)
class Faults:
    """Which requests fail: the share `rate` of them, by one of `kinds`, as the seed and the request alone decide.

    A request, that is one range of one path, fails at most `most` times, so faults pass. What `lost` names
    fails always: part of a path to the kind of its fault. `slow` answers after `seconds`, `short` breaks off half-way.
    """

    rate: float = 0.0
    kinds: tuple[str, ...] = ("503",)
    most: int = 1
    seed: int = 0
    seconds: float = 3.0
    lost: Mapping[str, str] = field(default_factory=dict)

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


class RangeServer(ThreadingHTTPServer):
    """Serves `folder` at `url`. `uses`: a token is good for so many requests of files; None asks for no token."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder: Path, faults: Faults = Faults(), uses: int | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.faults, self.uses = folder, faults, uses
        self.asked: list[Asked] = []
        self.tokens: dict[str, int] = {}
        self.redirects: dict[str, str] = {}
        self.lifetime = timedelta(hours=1)
        self.most_open = self._open = 0
        self._failed: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def token_url(self) -> str:
        """An endpoint of tokens, as a signer names it."""
        return self.url + "/token/{account}/{container}"

    def clear(self) -> None:
        """Forgets what was asked, and which faults have passed."""
        with self._lock:
            self.asked.clear()
            self._failed.clear()
            self.most_open = 0

    def new_token(self) -> dict[str, str]:
        with self._lock:
            token = f"sig=secret{len(self.tokens)}"
            self.tokens[token] = self.uses or 0
        return {"msft:expiry": (datetime.now(UTC) + self.lifetime).isoformat(), "token": token}

    def admitted(self, query: str) -> bool:
        """Whether the query holds a token with a use left, which is taken."""
        if self.uses is None:
            return True
        token = f"sig={parse_qs(query).get('sig', [''])[0]}"
        with self._lock:
            left = self.tokens.get(token, 0)
            self.tokens[token] = left - 1
        return left > 0

    def fault(self, path: str, span: str) -> str | None:
        with self._lock:
            kind = self.faults.of(path, span, self._failed[path, span])
            self._failed[path, span] += kind is not None
        return kind

    def enter(self) -> None:
        with self._lock:
            self._open += 1
            self.most_open = max(self.most_open, self._open)

    def leave(self) -> None:
        with self._lock:
            self._open -= 1

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is none of ours."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RangeServer

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.enter()
        try:
            self._answer()
        finally:
            self.server.leave()

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        if path in self.server.redirects:
            return self._empty(302, {"Location": self.server.redirects[path]})
        if path.startswith("/token/"):
            return self._send(200, json.dumps(self.server.new_token()).encode(), {})
        file = self.server.folder / path.lstrip("/")
        span = self.headers.get("Range", "")
        fault = "403" if not self.server.admitted(parts.query) else self.server.fault(path, f"{self.command} {span}")
        if fault is None and not file.is_file():
            fault = "404"
        body, status, extra = b"", 200, {}
        start, stop = 0, 0
        if file.is_file():
            size = file.stat().st_size
            match = re.fullmatch(r"bytes=(\d+)-(\d*)", span)
            start = int(match[1]) if match else 0
            stop = min(int(match[2]) + 1, size) if match and match[2] else size
            if match:
                status, extra = 206, {"Content-Range": f"bytes {start}-{stop - 1}/{size}"}
            with file.open("rb") as source:
                source.seek(start)
                body = source.read(max(stop - start, 0))
        sent = 0 if fault or self.command == "HEAD" else len(body)
        self.server.asked.append(Asked(path, self.command, (start, stop), fault, sent, "Authorization" in self.headers))
        if fault == "slow":
            time.sleep(self.server.faults.seconds)
        if fault in ("403", *STATUSES):
            return self._empty(int(fault), {})
        if fault == "reset":
            return self._reset()
        return self._send(status, body, extra, cut=fault == "short")

    def _empty(self, status: int, headers: Mapping[str, str]) -> None:
        self._send(status, b"", headers)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], cut: bool = False) -> None:
        self.send_response(status)
        for name, value in {**headers, "Accept-Ranges": "bytes", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """The tests read `asked` instead."""


@contextmanager
def serving(folder: Path, faults: Faults = Faults(), uses: int | None = None) -> Iterator[RangeServer]:
    """A running server of `folder`, stopped at the end."""
    server = RangeServer(folder, faults, uses)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

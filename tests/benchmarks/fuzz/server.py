"""A STAC API on loopback that answers wrongly, each base path in its own way."""

import gzip
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from threading import Thread
from typing import Any

from fuzz import mutate


class Answers:
    """The server's address, and the items of each base path."""

    def __init__(self, url: str):
        self.url = url
        self.items: dict[str, list[dict[str, Any]]] = {}

    def add(self, seed: int, items: list[dict[str, Any]]) -> str:
        """URL of an API of its own, whose faults follow from the seed."""
        self.items[str(seed)] = items
        return f"{self.url}/{seed}"


@contextmanager
def serving() -> Iterator[Answers]:
    """A server until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer()

        def _answer(self) -> None:
            base = self.path.strip("/").split("/")[0].split("?")[0]
            try:
                _send(self, Random(f"{base}{self.path.count('/')}"), f"{answers.url}/{base}", answers.items[base])
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    answers = Answers(f"http://127.0.0.1:{server.server_port}")
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield answers
    finally:
        server.shutdown()
        server.server_close()


def _send(handler: BaseHTTPRequestHandler, random: Random, url: str, items: list[dict[str, Any]]) -> None:
    search = {
        "rel": "search",
        "type": "application/geo+json",
        "method": random.choice(("GET", "POST")),
        "href": f"{url}/search",
    }
    landing = {
        "type": "Catalog",
        "id": "x",
        "stac_version": "1.0.0",
        "description": "x",
        "conformsTo": [],
        "links": [search],
    }
    next_link = {
        "rel": "next",
        "method": random.choice(("GET", "POST")),
        "href": f"{url}/search?token=1",
        "body": {"token": "1"},
    }
    page = {
        "type": "FeatureCollection",
        "features": items,
        "links": [next_link] * random.choice((0, 0, 1)),
        "numberMatched": 9,
    }
    of_search = "/search" in handler.path
    content: Any = page if of_search else landing
    damaged = of_search or random.random() < 0.3
    if damaged and random.random() < 0.7:
        content = mutate.document(random, content)
    body = json.dumps(content).encode("utf-8", "surrogatepass")
    if damaged and random.random() < 0.2:
        body = mutate.text(random, body.decode()).encode("utf-8", "surrogatepass")
    headers = {"Content-Type": random.choice(("application/geo+json", "application/json", "text/html", ""))}
    status = random.choice((200, 200, 200, 200, 200, 404, 500, 413, 429, 301)) if damaged else 200
    if random.random() < 0.1:
        body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
    elif random.random() < 0.03:
        headers["Content-Encoding"] = "gzip"
    if status == 301:
        headers["Location"] = random.choice((f"{url}/search", "file:///etc/passwd", "http://127.0.0.1:1/", "ftp://x/"))
    if status == 429:
        headers["Retry-After"] = random.choice(("0", "-1", "nan", "1e9", "Wed, 21 Oct 2015 07:28:00 GMT"))
    length = len(body) + random.choice((0,) * 9 + (100,)) if damaged else len(body)
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(length))
    handler.end_headers()
    if damaged and random.random() < 0.03:
        for byte in body[:100]:
            handler.wfile.write(bytes([byte]))
            time.sleep(0.5)
        return
    handler.wfile.write(body)

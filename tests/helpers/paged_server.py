"""A STAC API in a thread of its own, with the faults of real ones on request."""

import json
import threading
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import shapely


class Faults:
    """What goes wrong: `statuses` answer the next searches; `lost` ids are never given, though they are counted;
    `forgotten` continuations are refused; `circle` gives the first page for ever; `twice` repeats each page's last item
    on the next page; `host` replaces the host of the link to the next page; `after` is called with each answer's
    number; `broken` answers break off. `retry_after` is each answer's header of that name."""

    def __init__(self):
        self.statuses, self.lost, self.forgotten, self.broken = [], set(), False, 0
        self.circle = self.twice = False
        self.host, self.retry_after = None, "0"
        self.after = lambda number: None


@contextmanager
def paged_server(items, faults=None, conforms=(), counts=True):
    """Yields its URL and the list of the searches it answered: (method, body, ids given)."""
    faults, searches = faults or Faults(), []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            self.reply(200, landing(self.url, conforms))

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if faults.statuses:
                return self.reply(faults.statuses.pop(0), {"detail": "made to fail"})
            if "token" in body and faults.forgotten:
                return self.reply(400, {"detail": "no such token"})
            answer = page(self.url, body)
            searches.append(("POST", body, [item["id"] for item in answer["features"]]))
            self.reply(200, answer)
            faults.after(len(searches))
            return None

        @property
        def url(self):
            return f"http://{self.headers['Host']}"

        def reply(self, status, document):
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Retry-After", faults.retry_after)
            self.end_headers()
            if status == 200 and faults.broken:
                faults.broken -= 1
                self.close_connection = True
                content = content[: len(content) // 2]
            self.wfile.write(content)

    def page(url, body):
        found = [item for item in items if matches(item, body)]
        given = [item for item in found if item["id"] not in faults.lost]
        start = 0 if faults.circle else body.get("token", 0)
        stop = start + body["limit"]
        links = []
        if stop < len(given) or faults.circle:
            following = {**body, "token": stop - (1 if faults.twice and body["limit"] > 1 else 0)}
            links = [{"rel": "next", "method": "POST", "href": f"{faults.host or url}/search", "body": following}]
        answer = {"type": "FeatureCollection", "features": given[start:stop], "links": links}
        return {**answer, "numberMatched": len(found)} if counts else answer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", searches
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def landing(url, conforms):
    links = [{"rel": "search", "method": method, "href": f"{url}/search"} for method in ("GET", "POST")]
    facts = {"type": "Catalog", "stac_version": "1.0.0", "id": "made", "description": "made"}
    return {**facts, "links": links, "conformsTo": list(conforms)}


def matches(item, body):
    start, end = (datetime.fromisoformat(side) for side in body["datetime"].split("/"))
    area = shapely.box(*body["bbox"]) if "bbox" in body else shapely.geometry.shape(body["intersects"])
    return (
        item["collection"] in body["collections"]
        and start <= datetime.fromisoformat(item["properties"]["datetime"]) <= end
        and area.intersects(shapely.geometry.shape(item["geometry"]))
    )

"""A STAC API in a thread of its own, with the faults of real ones on request."""

import json
import threading
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

import shapely
from item_filters import LANGUAGES, language_of, meets


class Faults:
    """What goes wrong: `statuses` answer the next searches; `lost` ids are never given, though they are counted;
    `forgotten` continuations are refused; `circle` gives the first page for ever; `twice` repeats each page's last item
    on the next page; `host` replaces the host of the link to the next page; `after` is called with each answer's
    number; `broken` answers break off. `retry_after` is each answer's header of that name.

    `methods`: those that landing page and links name, with the status that answers the others; `next_method`: of links
    to further pages. `gaps`: empty pages before each further page, None for one after the other without end. `counted`:
    the number that is reported for so many items. `most_bytes`: larger queries are answered by 413 or 414.

    `unable`: the status that answers every filter, whatever is declared; `untaken`: the languages of those refused.
    Fields are refused unless it `selects`; `dropped`: a part that items lose by fields."""

    def __init__(self):
        self.statuses, self.lost, self.forgotten, self.broken = [], set(), False, 0
        self.circle = self.twice = False
        self.host, self.retry_after = None, "0"
        self.after = lambda number: None
        self.methods, self.other_methods, self.next_method = ("GET", "POST"), 405, "POST"
        self.gaps, self.counted, self.most_bytes = 0, lambda number: number, None
        self.unable, self.selects, self.dropped, self.untaken = None, True, None, []


@contextmanager
def paged_server(items, faults=None, conforms=(), counts=True):
    """Yields its URL and the list of the searches it answered: (method, body, ids given)."""
    faults, searches = faults or Faults(), []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            parts = urlsplit(self.path)
            if parts.path != "/search":
                return self.reply(200, landing(self.url, conforms, faults.methods))
            if faults.most_bytes is not None and len(self.path) > faults.most_bytes:
                return self.reply(414, {"detail": "too long"})
            return self.search("GET", body_of(parse_qsl(parts.query)))

        def do_POST(self):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if faults.most_bytes is not None and len(content) > faults.most_bytes:
                return self.reply(413, {"detail": "too large"})
            return self.search("POST", json.loads(content))

        def search(self, method, body):
            if method not in faults.methods:
                return self.reply(faults.other_methods, {"detail": "not by this method"})
            if faults.statuses:
                return self.reply(faults.statuses.pop(0), {"detail": "made to fail"})
            language = language_of(body)
            if language and (faults.unable or not all(str(conforms).count(name) for name in LANGUAGES[language])):
                faults.untaken.append(language)
                return self.reply(faults.unable or 400, {"detail": f"no filter in {language}"})
            if "fields" in body and not (faults.selects and "item-search#fields" in str(conforms)):
                faults.untaken.append("fields")
                return self.reply(400, {"detail": "no fields"})
            if "token" in body and faults.forgotten:
                return self.reply(400, {"detail": "no such token"})
            answer = page(self.url, body)
            searches.append((method, body, [item["id"] for item in answer["features"]]))
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
        start = 0 if faults.circle else int(body.get("token", 0))
        gap = body.get("gap", 0)
        stop, following = start + body["limit"], {}
        if gap:
            stop, following = start, {"token": start, "gap": gap - 1}
        elif stop < len(given) or faults.circle:
            token = stop - (1 if faults.twice and body["limit"] > 1 else 0)
            following = {"token": token, "gap": faults.gaps} if faults.gaps else {"token": token}
        if faults.gaps is None and stop >= len(given):
            following = {"token": stop + 1}
        features = given[start:stop]
        if "fields" in body:
            features = [selected(item, body["fields"]) for item in features]
            features = [{part: item[part] for part in item if part != faults.dropped} for item in features]
        answer = {"type": "FeatureCollection", "features": features, "links": []}
        if following:
            answer["links"] = [{"rel": "next", **next_link(f"{faults.host or url}/search", {**body, **following})}]
        return {**answer, "numberMatched": faults.counted(len(found))} if counts else answer

    def next_link(href, body):
        if faults.next_method == "POST":
            return {"method": "POST", "href": href, "body": body}
        query = {**body, "collections": ",".join(body["collections"])}
        if "query" in body:
            query["query"] = json.dumps(body["query"])
        if "fields" in body:
            query["fields"] = ",".join(
                (*body["fields"]["include"], *(f"-{name}" for name in body["fields"]["exclude"]))
            )
        return {"method": "GET", "href": f"{href}?{urlencode(query)}"}

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


def landing(url, conforms, methods):
    links = [{"rel": "search", "method": method, "href": f"{url}/search"} for method in methods]
    facts = {"type": "Catalog", "stac_version": "1.0.0", "id": "made", "description": "made"}
    return {**facts, "links": links, "conformsTo": list(conforms)}


def body_of(query):
    """What the parameters of a GET say, as the body of a POST says it."""
    body = dict(query)
    numbers = {name: int(body[name]) for name in ("limit", "token", "gap") if name in body}
    bbox = [float(side) for side in body["bbox"].strip("[]").split(",")]
    query = {"query": json.loads(body["query"])} if "query" in body else {}
    if "fields" in body:
        names = body["fields"].split(",")
        exclude = [name[1:] for name in names if name.startswith("-")]
        query["fields"] = {"include": [name for name in names if not name.startswith("-")], "exclude": exclude}
    return {**body, **numbers, **query, "bbox": bbox, "collections": body["collections"].split(",")}


def selected(item, fields):
    """An item with the fields included, without the assets excluded."""
    out = {name.removeprefix("assets.") for name in fields["exclude"]}
    parts = {name: item[name] for name in fields["include"] if name in item}
    return {**parts, "assets": {key: asset for key, asset in item["assets"].items() if key not in out}}


def matches(item, body):
    start, end = (datetime.fromisoformat(side) for side in body["datetime"].split("/"))
    area = shapely.box(*body["bbox"]) if "bbox" in body else shapely.geometry.shape(body["intersects"])
    return (
        item["collection"] in body["collections"]
        and start <= datetime.fromisoformat(item["properties"]["datetime"]) <= end
        and area.intersects(shapely.geometry.shape(item["geometry"]))
        and meets(item, body)
    )

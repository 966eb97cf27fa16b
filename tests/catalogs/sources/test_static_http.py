import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from made_items import made_catalog, made_item

from catalogs import CatalogError, Query, read_scenes
from catalogs.search import search_with_refusals
from catalogs.sources import static_http

AUGUST = {"start": datetime(2023, 8, 1, tzinfo=UTC), "end": datetime(2023, 8, 31, tzinfo=UTC)}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def web_server(folder):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def query(catalog, **changes):
    area = (15.2, 46.2, 15.4, 46.4)
    return Query(**{"catalog": catalog, "collection": "sentinel-2-l2a", "area": area, **AUGUST, **changes})


def test_a_static_catalog_on_a_web_server_gives_the_items_of_the_area_and_the_period(tmp_path):
    items = [
        made_item("here", hrefs="./"),
        made_item("also", hrefs="https://elsewhere.org/"),
        made_item("far", bounds=(20, 46, 21, 47)),
        made_item("late", datetime="2023-09-01T00:00:01Z"),
    ]
    made_catalog(tmp_path / "my world", items)
    with web_server(tmp_path) as url:
        found = search_with_refusals(query(f"{url}/my%20world/catalog.json"))
    assert [item["id"] for item in found.items] == ["also", "here"]
    hrefs = [item["assets"]["blue"]["href"] for item in found.items]
    assert hrefs == ["https://elsewhere.org/B02.tif", f"{url}/my%20world/sentinel-2-l2a/here/B02.tif"]


@pytest.mark.parametrize(
    "href",
    [
        "../outside.json",
        "%2e%2e/outside.json",
        "/outside.json",
        "http://127.0.0.1:1/x.json",
        "https://example.org/x.json",
        "file:///etc/hosts",
        "http://[x",
        5,
    ],
)
def test_a_link_out_of_the_catalog_is_not_followed(tmp_path, href):
    (tmp_path / "outside.json").write_text("{}")
    (tmp_path / "world").mkdir()
    links = [{"rel": "child", "href": href}]
    (tmp_path / "world" / "catalog.json").write_text(json.dumps({"type": "Catalog", "links": links}))
    with web_server(tmp_path) as url, pytest.raises(CatalogError, match="outside the catalog at http"):
        search_with_refusals(query(f"{url}/world/catalog.json"))


def test_a_circle_of_links_ends_and_a_catalog_without_end_is_refused(tmp_path, monkeypatch):
    made_catalog(tmp_path, [made_item(f"item-{number}") for number in range(10)])
    catalog = json.loads((tmp_path / "catalog.json").read_text())
    catalog["links"].append({"rel": "child", "href": "./catalog.json"})
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    with web_server(tmp_path) as url:
        assert len(search_with_refusals(query(f"{url}/catalog.json")).items) == 10
        monkeypatch.setattr(static_http, "MAX_DOCUMENTS", 5)
        with pytest.raises(CatalogError, match="leads to more than 5 documents"):
            search_with_refusals(query(f"{url}/catalog.json"))


def test_a_file_a_web_catalog_names_on_this_machine_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("catalogs.sources.api.LOOPBACK", ())
    made_catalog(tmp_path, [made_item("evil", hrefs="file:///etc/"), made_item("good")])
    with web_server(tmp_path) as url:
        found = search_with_refusals(query(f"{url}/catalog.json"))
    scenes, refused = read_scenes(found.items, ["red"])
    assert [scene.id for scene in scenes] == ["good"]
    assert "must not name files of this one" in refused["evil"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html>", "does not give JSON"),
        ("[]", "neither a STAC API nor a static catalog"),
        ('{"type": "Map"}', "its type is 'Map'"),
        ('{"type": "Catalog", "links": [{"rel": "child", "href": "gone.json"}]}', r"status 404"),
    ],
)
def test_pages_that_are_no_catalog_are_named(tmp_path, text, said):
    (tmp_path / "catalog.json").write_text(text)
    with web_server(tmp_path) as url, pytest.raises(CatalogError, match=said):
        search_with_refusals(query(f"{url}/catalog.json"))

"""Requests to an API and its answers; what is no API and a whole search of one are tested in test_search."""

from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
import shapely
from august_query import ids, query
from made_items import made_item
from paged_items import IDS, ITEMS
from paged_items import query as summer
from paged_server import Faults, landing, paged_server

from catalogs import read_scene, read_scenes
from catalogs.errors import CatalogUnavailable
from catalogs.search import search_with_refusals
from catalogs.sources import api


def test_items_of_another_machine_may_not_name_files_of_this_one_where_they_are_read(monkeypatch):
    monkeypatch.setattr(api, "LOOPBACK", ())
    odd = made_item("odd")
    odd["assets"] |= {"thumbnail": {"href": "./x.png"}, "info": "x", "swir16": {"href": "file:///etc/hosts"}}
    with paged_server([made_item("good"), made_item("evil", hrefs="/etc/"), odd]) as (url, _):
        found = search_with_refusals(query(url))
    scenes, refused = read_scenes(found.items, ["red"])
    assert [scene.id for scene in scenes] == ["good", "odd"]
    assert "must not name files of this one" in refused["evil"]
    swir = read_scenes(found.items, ["swir16"])[1]["odd"]
    assert "the href of asset swir16 is 'file:///etc/hosts', but a catalog on another machine must not" in swir


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("./B04.tif", "https://data.example.org/items/a%20b/B04.tif"),
        ("B%2F04.tif?v=1&x=%20", "https://data.example.org/items/a%20b/B%2F04.tif?v=1&x=%20"),
        ("/root/B04.tif", "https://data.example.org/root/B04.tif"),
        ("//cdn.example.org/B04.tif", "https://cdn.example.org/B04.tif"),
        ("s3://bucket/B04.tif", "s3://bucket/B04.tif"),
    ],
)
def test_relative_hrefs_count_from_the_items_own_address(href, expected):
    item = made_item()
    item["assets"]["red"]["href"] = href
    item["links"] = ["odd", {"rel": "self", "href": "https://data.example.org/items/a%20b/x"}]
    resolved = api.resolve_hrefs("https://api.example.org", item)
    assert read_scene(resolved, ["red"]).band("red").href == expected


def test_an_api_on_this_machine_may_name_files_of_it():
    item = made_item(hrefs="/data/")
    item["links"] = [{"rel": "self", "href": "http://127.0.0.1:8000/items/x"}]
    assert read_scene(api.resolve_hrefs("http://127.0.0.1:8000", item), ["red"]).band("red").href == "/data/B04.tif"


def test_the_limit_of_cloud_is_asked_of_a_server_that_filters_and_checked_for_every_one(tmp_path):
    items = [made_item("clear", eo__cloud_cover=5), made_item("cloudy", eo__cloud_cover=60)]
    filters = ["https://api.stacspec.org/v1.0.0/item-search#filter"]
    cql2 = ["http://www.opengis.net/spec/cql2/1.0/conf/cql2-json"]
    sorts = ["https://api.stacspec.org/v1.1.0/item-search#sort"]
    for declared, asked in (
        ([], set()),
        (filters, set()),
        (filters + cql2, {"filter", "filter-lang"}),
        (sorts, {"sortby"}),
    ):
        with paged_server(items, conforms=declared) as (url, searches):
            assert ids(search_with_refusals(query(url, max_cloud=20.0)).items) == ["clear"]
        ((_, body, _),) = searches
        assert set(body) - {"collections", "datetime", "limit", "bbox"} == asked


def test_a_polygon_is_asked_for_as_intersects():
    triangle = shapely.Polygon([(15.1, 46.1), (15.9, 46.1), (15.5, 46.9)])
    with paged_server([made_item()]) as (url, searches):
        assert len(search_with_refusals(query(url, area=triangle)).items) == 1
    ((_, body, _),) = searches
    assert "bbox" not in body
    assert shapely.equals(shapely.geometry.shape(body["intersects"]), triangle)


@pytest.mark.parametrize(
    ("declared", "method"),
    [(["GET"], "GET"), (["get"], "GET"), (["GET", "POST"], "POST"), (["POST"], "POST"), ([None], "POST")],
)
def test_the_method_of_a_search_is_that_of_its_links(declared, method):
    root = {"type": "Catalog", "links": [{"rel": "search", "href": "find", "method": name} for name in declared]}
    root["links"].insert(0, {"rel": "search", "href": "page.html", "type": "text/html"})
    assert api.read_landing_page("http://example.org/v1/", root) == api.Api("http://example.org/v1/find", method)


@pytest.mark.parametrize("status", [403, 405, 501])
@pytest.mark.parametrize(("declared", "taken"), [("GET", "GET"), ("GET POST", "GET"), ("GET", "POST")])
def test_an_api_is_searched_by_the_method_that_it_takes(monkeypatch, declared, taken, status):
    faults = Faults()
    faults.methods, faults.next_method, faults.other_methods = (taken,), taken, status
    monkeypatch.setattr("paged_server.landing", lambda url, conforms, _: landing(url, conforms, declared.split()))
    with paged_server(ITEMS, faults) as (url, searches):
        found = search_with_refusals(summer(url), limit=3)
    assert ids(found.items) == IDS
    assert {method for method, _, _ in searches} == {taken}


def test_pages_may_follow_by_another_method_than_the_first():
    faults = Faults()
    for faults.next_method in ("GET", "POST"):
        with paged_server(ITEMS, faults) as (url, searches):
            assert ids(search_with_refusals(summer(url), limit=3).items) == IDS
        assert {method for method, body, _ in searches if "token" in body} == {faults.next_method}
    faults.methods, faults.next_method = ("GET",), "POST"
    with paged_server(ITEMS, faults) as (url, searches):
        assert ids(search_with_refusals(summer(url), limit=3).items) == IDS
    assert {method for method, _, _ in searches} == {"GET"}


def test_a_request_by_the_other_method_asks_the_same():
    body = {"collections": ["a", "b"], "datetime": "x/y", "limit": 3, "bbox": [1.5, 2, 3, 4]}
    sorted_body = {**body, "sortby": [{"field": "id", "direction": "desc"}, {"field": "x", "direction": "asc"}]}
    post = {"method": "POST", "url": "http://example.org/search", "body": sorted_body}
    get = api.by_other_method({**post, "url": "http://example.org/search?key=1"})
    assert get["url"] == (
        "http://example.org/search?key=1&collections=a,b&datetime=x/y&limit=3&bbox=1.5,2,3,4&sortby=-id,%2Bx"
    )
    assert api.by_other_method(get) == {**post, "body": {"key": "1", **sorted_body}}


def test_the_filter_of_a_further_page_is_kept_by_the_other_method():
    clear = {"op": "<=", "args": [{"property": "eo:cloud_cover"}, 20]}
    body = {"token": "2", "filter": clear, "filter-lang": "cql2-json"}
    get = api.by_other_method({"method": "POST", "url": "http://example.org/search", "body": body})
    assert dict(parse_qsl(urlsplit(get["url"]).query)) == {
        "token": "2",
        "filter": '"eo:cloud_cover" <= 20',
        "filter-lang": "cql2-text",
    }
    body = {"query": {"field": {"in": ["a", "b"]}}}
    post = {"method": "POST", "url": "http://example.org/search", "body": body}
    assert api.by_other_method(api.by_other_method(post)) == post
    odd = {**post, "body": {"filter": {"op": "s_within", "args": []}, "filter-lang": "cql2-json"}}
    with pytest.raises(
        CatalogUnavailable, match=r"takes no POST, but the filter .*s_within.* cannot be written as text"
    ):
        api.by_other_method(odd)


def test_a_polygon_too_large_for_the_server_is_asked_for_as_its_box_and_sieved_exactly():
    angles = np.linspace(0, 2 * np.pi, 2_000, endpoint=False)
    circle = shapely.Polygon(np.column_stack([15 + np.cos(angles), 46 + np.sin(angles)]))
    items = [made_item("inside"), made_item("corner", bounds=(14.0, 45.0, 14.1, 45.1))]
    faults = Faults()
    faults.most_bytes = 2_000
    for faults.methods in (("GET",), ("GET", "POST")):
        with paged_server(items, faults) as (url, searches):
            found = search_with_refusals(query(url, area=circle))
        assert ids(found.items) == ["inside"]
        assert ("corner" in searches[0][2], found.warnings) == (True, ())


@pytest.mark.parametrize(
    ("own", "search"),
    [
        ("http://example.org/v1/", "v1/find"),
        ("/v2/", "v2/find"),
        ("http://inner/v1/", "find"),
        (5, "find"),
        (None, "find"),
    ],
)
def test_relative_links_of_a_landing_page_count_from_its_self_link_on_the_same_host(own, search):
    links = [{"rel": "self", "href": own}, {"rel": "search", "href": "find"}]
    found = api.read_landing_page("http://example.org/v1", {"type": "Catalog", "links": links})
    assert found.search == f"http://example.org/{search}"

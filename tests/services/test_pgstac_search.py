"""Searches of a real STAC API give exactly what brute force over all its items gives."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import shapely
from brute_force import FIJI, YEAR, asked, brute_force, unwrapped

from catalogs.comparison import Comparison
from catalogs.search import search_with_refusals
from catalogs.sources import api, fetch
from catalogs.sources.filters import parameters
from catalogs.sources.slices import Slice
from catalogs.sources.unread import UNREAD

SPRING = (datetime(2024, 4, 20, tzinfo=UTC), datetime(2024, 6, 20, tzinfo=UTC))
BAVARIA = (11.9, 48.4, 12.1, 48.6)
TRIANGLE = shapely.Polygon([(11.98, 48.49), (12.02, 48.49), (12.02, 48.52)])
ISLANDS = shapely.MultiPolygon([shapely.box(178.2, -17, 178.3, -16.8), shapely.box(-179.4, -17, -179.1, -16.8)])
EUROPE = (-10.0, 35.0, 30.0, 70.0)

CASES = {
    "bbox": (BAVARIA, YEAR, (), 100),
    "polygon": (TRIANGLE, YEAR, (), 100),
    "period": (BAVARIA, SPRING, (), 100),
    "months": (BAVARIA, YEAR, (5, 7), 100),
    "cloud": (BAVARIA, YEAR, (), 20),
    "several cells": (EUROPE, SPRING, (), 60),
    "antimeridian": (FIJI, YEAR, (), 100),
    "antimeridian, months and cloud": (FIJI, YEAR, (1, 2, 3, 8), 50),
    "a strip no uncut footprint covers on a plane": ((179.95, -17.0, -179.95, -16.9), YEAR, (), 100),
    "islands on both sides": (ISLANDS, YEAR, (), 100),
    "nothing there": ((-40.0, 0.0, -39.0, 1.0), YEAR, (), 100),
}


@pytest.mark.parametrize("case", CASES)
def test_a_search_finds_what_brute_force_finds(server, items, case):
    found = search_with_refusals(asked(server, *CASES[case]))
    assert [item["id"] for item in found.items] == brute_force(items, *CASES[case])
    assert found.refusals == {}
    assert (len(found.items) == 0) == (case == "nothing there")


@pytest.mark.parametrize("limit", [1, 3, 10, 250])
def test_the_page_size_changes_nothing(server, items, limit):
    found = search_with_refusals(asked(server, FIJI, SPRING, (), 80), limit=limit)
    assert [item["id"] for item in found.items] == brute_force(items, FIJI, SPRING, (), 80)


@pytest.mark.realdata
@pytest.mark.skipif("IDGBR_DATA" not in os.environ, reason="IDGBR_DATA is not set: no real items here")
def test_every_real_item_is_found_in_its_own_corner(server, items):
    """Also those across the antimeridian whose footprints are not cut there."""
    real = [item for item in items if item["properties"].get("datetime") and not item["id"].startswith("moved-")]
    across = 0
    for item in real:
        time = datetime.fromisoformat(item["properties"]["datetime"])
        shape = unwrapped(item)
        point = shapely.point_on_surface(shape)
        west = (point.x - 0.01 + 180) % 360 - 180
        east = (point.x + 0.01 + 180) % 360 - 180
        area = (west, point.y - 0.01, east, point.y + 0.01)
        case = (area, (time - timedelta(hours=1), time + timedelta(hours=1)))
        found = search_with_refusals(asked(server, *case, collection=item["collection"]))
        expected = brute_force(items, *case, collection=item["collection"])
        assert [each["id"] for each in found.items] == expected
        assert item["id"] in expected
        across += shape.bounds[2] > 180
    assert across >= 5


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_items_come_whole_but_for_assets_that_nobody_reads(server, items, monkeypatch, method):
    served = api.read_landing_page
    monkeypatch.setattr(api, "read_landing_page", lambda *at: replace(served(*at), method=method))
    known = {item["id"]: item for item in items}
    found = search_with_refusals(asked(server, FIJI, SPRING)).items
    assert found
    for item in found:
        whole = json.loads(json.dumps(known[item["id"]]))
        whole["assets"] = {key: asset for key, asset in whole["assets"].items() if key not in UNREAD}
        for part in ("properties", "assets", "geometry", "collection", "bbox", "type", "stac_version"):
            assert item[part] == whole[part], part
        assert {"thumbnail", "red"} & known[item["id"]]["assets"].keys() == {"thumbnail", "red"}
        assert any(link["rel"] == "self" for link in item["links"])


WHERE = {
    "number": (Comparison("eo:cloud_cover", "lt", 60), Comparison("eo:cloud_cover", "gte", 12.5)),
    "another number": (Comparison("eo:cloud_cover", "neq", 13),),
    "texts": (Comparison("platform", "in", ("sentinel-2a", "o'neill")), Comparison("eo:cloud_cover", "lte", 80)),
    "another text": (Comparison("platform", "neq", "sentinel-2a"),),
    "truth": (Comparison("earthsearch:boa_offset_applied", "eq", True),),
    "untruth": (Comparison("earthsearch:boa_offset_applied", "neq", True),),
    "a number for a text": (Comparison("platform", "eq", 5),),
    "no such property": (Comparison("no-such", "eq", 5),),
    "time and order of texts": (
        Comparison("datetime", "lt", "2024-06-15"),
        Comparison("s2:processing_baseline", "gt", "05.00"),
    ),
}


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("languages", [("cql2-json", "cql2-text"), ("query",), ()])
@pytest.mark.parametrize("case", WHERE)
def test_a_file_and_a_real_server_in_any_language_give_the_same_items(
    server, items, tmp_path, monkeypatch, method, languages, case
):
    """The server sends no other items where it is asked for all that the query says."""
    monkeypatch.setattr(fetch, "FIRST_PAUSE_SECONDS", 0.01)
    where, sent = WHERE[case], []
    path = tmp_path / "items.ndjson"
    path.write_text("\n".join(map(json.dumps, items)))
    expected = [
        item["id"]
        for item in search_with_refusals(replace(asked(server, FIJI, SPRING), catalog=str(path), where=where)).items
    ]
    served, fetch_page = api.read_landing_page, api.fetch_page
    monkeypatch.setattr(api, "read_landing_page", lambda *at: replace(served(*at), method=method, languages=languages))

    def recorded(session, request):
        assert request["method"] == method
        page = fetch_page(session, request)
        sent.extend(item["id"] for item in page.features)
        return page

    monkeypatch.setattr(api, "fetch_page", recorded)
    found = search_with_refusals(replace(asked(server, FIJI, SPRING), where=where))
    assert [item["id"] for item in found.items] == expected
    fails = case == "a number for a text"
    assert bool(found.refusals) == fails
    if languages and not fails and all(parameters(method, languages, [each], 100) for each in where):
        assert sorted(set(sent)) == expected
    else:
        assert set(sent) > set(expected) or case == "untruth"


def test_the_server_filters_by_cloud_and_sorts_itself(server, items):
    """It says how many clear items there are, and gives them in the total order over all its pages."""
    part = Slice(shapely.box(*BAVARIA), *YEAR)
    with fetch.new_session() as session:
        served = api.read_landing_page(server.url, fetch.fetch_json(session, server.url))
        assert (served.languages, served.sorts) == (("cql2-json", "cql2-text", "query"), True)
        request, given = api.first_requests(served, asked(server, BAVARIA, YEAR, (), 40), part, 2)[0], []
        while request is not None:
            page = api.fetch_page(session, request)
            given += [(item["properties"]["datetime"], item["id"]) for item in page.features]
            request = page.next
    expected = brute_force(items, BAVARIA, YEAR, (), 40)
    assert len(expected) == page.matched > 3
    assert given == sorted(given)
    assert sorted(name for _, name in given) == expected

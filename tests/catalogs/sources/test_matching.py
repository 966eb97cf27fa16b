import json
from datetime import UTC, datetime

from august_query import ids, query
from made_items import made_catalog, made_item
from paged_server import paged_server

import catalogs
from catalogs.search import search_with_refusals
from catalogs.sources.matching import MatchingItems


def test_months_and_cloud_narrow_what_is_found(tmp_path):
    items = [
        made_item("june", datetime="2023-06-30T23:59:59Z"),
        made_item("july", datetime="2023-07-01T00:00:00Z"),
        made_item("july-a-year-before", datetime="2022-07-01T00:00:00Z"),
        made_item("cloudy", datetime="2023-07-02T00:00:00Z", eo__cloud_cover=50.1),
        made_item("unknown", datetime="2023-07-03T00:00:00Z", eo__cloud_cover=None),
    ]
    years = {"start": datetime(2022, 1, 1, tzinfo=UTC), "end": datetime(2023, 12, 31, tzinfo=UTC)}
    catalog = made_catalog(tmp_path / "world", [dict(item, assets={}) for item in items])
    found = search_with_refusals(query(catalog, **years, months=(7,), max_cloud=50.0))
    assert ids(found.items) == ["july", "july-a-year-before", "unknown"]
    assert ids(catalogs.search_items(query(catalog, **years, months=(7,), max_cloud=50.0)))[0] == "cloudy"


def test_one_bad_item_does_not_stop_the_others():
    bad = [
        {**made_item("no-geometry"), "geometry": None},
        made_item("no-time", datetime=None),
        made_item("odd-cloud", eo__cloud_cover="12"),
        made_item("overcast", eo__cloud_cover=100.5),
        made_item("odd-update", updated="yesterday"),
        {**made_item(""), "id": ["list"]},
    ]
    with paged_server([made_item("good")]) as (url, _):
        matching = MatchingItems(query(url), None)
        matching.add([*bad, "text", made_item("good"), made_item("elsewhere", bounds=(20, 46, 21, 47))])
    assert ids(matching.items()) == ["good"]
    assert sorted(matching.refusals) == [
        "'text'",
        "['list']",
        "no-geometry",
        "no-time",
        "odd-cloud",
        "odd-update",
        "overcast",
    ]
    assert all(isinstance(why, str) and "\n" not in why for why in matching.refusals.values())


def test_an_item_that_comes_twice_and_can_be_used_once_is_used():
    for forms in ([made_item("a"), made_item("a", updated="never")], [made_item("a", updated="never"), made_item("a")]):
        matching = MatchingItems(query("https://example.org"), None)
        matching.add(forms)
        assert (ids(matching.items()), matching.refusals) == (["a"], {})


def test_an_item_that_nests_too_deeply_stops_no_other(tmp_path):
    def nested(levels):
        return json.loads("[" * levels + "]" * levels)

    items = [made_item("good"), made_item("deep", odd=nested(400)), made_item("flat", odd=nested(90))]
    with paged_server(items) as (url, _):
        found = search_with_refusals(query(url), tmp_path)
    assert ids(found.items) == ["flat", "good"]
    assert found.refusals == {"deep": "item deep nests deeper than 100 levels"}

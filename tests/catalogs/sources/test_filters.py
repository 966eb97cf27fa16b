"""The same comparisons asked of every kind of catalog; what one comparison means is tested in test_comparison."""

import json
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from august_query import ids, query
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from item_filters import by_sql, conformance, language_of
from made_items import made_catalog, made_item
from paged_server import Faults, paged_server

from catalogs.comparison import OPERATORS, Comparison
from catalogs.errors import CatalogError
from catalogs.search import search_with_refusals
from catalogs.sources import fetch
from catalogs.sources.filters import cql2_text

SERVERS = {
    "CQL2 JSON by POST": ("POST", "cql2-json", "cql2-text", "query"),
    "CQL2 text by GET": ("GET", "cql2-json", "cql2-text", "query"),
    "query by POST": ("POST", "query"),
    "query by GET": ("GET", "query", "cql2-json"),
    "no filter": ("POST",),
}
LANGUAGES = ("cql2-json", "cql2-text", "query", "query", None)
VALUES = {
    "eo:cloud_cover": st.sampled_from([0, 12.5, 40, 100]),
    "platform": st.sampled_from(["sentinel-2a", "Sentinel-2A", "o'neill", ""]),
    "flag": st.booleans(),
    "made": st.sampled_from(
        ["2023-08-15T21:19:47.5Z", "2023-08-15T21:19:47Z", "2023-08-15T23:19:47+02:00", "2023-08-16"]
    ),
}


@st.composite
def comparisons(draw):
    name = draw(st.sampled_from(sorted(VALUES)))
    operator = draw(st.sampled_from(OPERATORS if name != "flag" else ("eq", "neq", "in")))
    value = VALUES[name]
    return Comparison(
        name, operator, draw(st.lists(value, min_size=1, max_size=3).map(tuple) if operator == "in" else value)
    )


@st.composite
def items(draw):
    """Each property may be missing, null or, but for the cloud, of another one's type."""
    made = []
    for number in range(draw(st.integers(1, 6))):
        item = made_item(f"item-{number}")
        for name, values in VALUES.items():
            others = st.nothing() if name == "eo:cloud_cover" else VALUES[draw(st.sampled_from(sorted(VALUES)))]
            item["properties"][name] = draw(values | st.none() | others)
        made.append(item)
    return made


@pytest.fixture(scope="module")
def servers():
    """By name, a server's URL, its items and the searches that it answered."""
    with ExitStack() as stack:
        running = {}
        for name, (method, *languages) in SERVERS.items():
            faults, holdings = Faults(), []
            faults.methods, faults.next_method = (method,), method
            running[name] = (*stack.enter_context(paged_server(holdings, faults, conformance(*languages))), holdings)
        yield running


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=items(), where=st.lists(comparisons(), min_size=1, max_size=3).map(tuple), max_cloud=st.sampled_from([100, 20])
)
def test_every_catalog_gives_the_same_items(tmp_path_factory, servers, made, where, max_cloud):
    folder = tmp_path_factory.mktemp("same")
    (folder / "items.ndjson").write_text("\n".join(map(json.dumps, made)))
    wanted = {"where": where, "max_cloud": float(max_cloud)}
    expected = ids(search_with_refusals(query(folder / "items.ndjson", **wanted)).items)
    assert ids(search_with_refusals(query(made_catalog(folder / "static", made), **wanted)).items) == expected
    for name, (url, searches, holdings) in servers.items():
        holdings[:], searches[:] = made, []
        assert ids(search_with_refusals(query(url, **wanted), limit=4).items) == expected, name


def test_each_server_filters_in_its_best_language_by_its_method(servers):
    made = [
        made_item(f"{platform}-{cloud}", eo__cloud_cover=cloud, platform=platform)
        for platform in "ab"
        for cloud in (5, 60)
    ]
    where = (Comparison("platform", "eq", "a"), Comparison("eo:cloud_cover", "lt", 50))
    for (name, (url, searches, holdings)), language in zip(servers.items(), LANGUAGES, strict=True):
        holdings[:], searches[:] = made, []
        found = search_with_refusals(query(url, where=where))
        ((method, body, sent),) = searches
        assert (method, language_of(body)) == (SERVERS[name][0], language)
        assert ids(found.items) == ["a-5"]
        assert sorted(sent) == (["a-5"] if language else sorted(ids(made)))
        assert len(found.warnings) == (language is None)
        assert all(f"{url} does not filter by platform, eo:cloud_cover: all items" in told for told in found.warnings)


def test_times_and_the_order_of_texts_are_not_asked_of_servers(servers):
    made = [made_item("old", baseline="04.00"), made_item("new", baseline="05.10")]
    later = Comparison("updated", "gt", "2023-08-15T21:19:47Z")
    for where, expected in ((Comparison("s2:processing_baseline", "gte", "05.00"), ["new"]), (later, ["new", "old"])):
        for url, searches, holdings in servers.values():
            holdings[:], searches[:] = made, []
            found = search_with_refusals(query(url, where=(where,)))
            assert (ids(found.items), found.warnings) == (expected, ())
            assert language_of(searches[0][1]) is None


def test_one_of_several_values_is_asked_in_cql2_only(servers):
    made = [made_item(name, platform=name) for name in "abc"]
    where = (Comparison("platform", "in", ("a", "b")), Comparison("eo:cloud_cover", "lt", 50))
    for (url, searches, holdings), language in zip(servers.values(), LANGUAGES, strict=True):
        holdings[:], searches[:] = made, []
        assert ids(search_with_refusals(query(url, where=where)).items) == ["a", "b"]
        assert sorted(searches[0][2]) == (["a", "b"] if str(language).startswith("cql2") else ["a", "b", "c"])


@pytest.mark.parametrize(("method", "status"), [("GET", 400), ("POST", 400), ("GET", 500), ("POST", 500)])
def test_a_server_that_refuses_its_own_filter_is_searched_without_and_not_asked_again(method, status):
    faults = Faults()
    faults.methods, faults.next_method, faults.unable = (method,), method, status
    made = [made_item("in"), made_item("out", platform="other"), made_item("june", datetime="2023-06-15T10:00:00Z")]
    where, june = (Comparison("platform", "eq", "sentinel-2a"),), datetime(2023, 6, 1, tzinfo=UTC)
    with paged_server(made, faults, conformance("cql2-json", "cql2-text")) as (url, searches):
        found = search_with_refusals(query(url, start=june, where=where))
    assert ids(found.items) == ["in", "june"]
    assert [language_of(body) for _, body, _ in searches] == [None] * 3
    attempts = fetch.MAX_ATTEMPTS if status == 500 else 1
    assert faults.untaken == ["cql2-text" if method == "GET" else "cql2-json"] * attempts
    assert "does not filter by platform" in found.warnings[0]


def test_text_of_cql2_quotes_names_and_texts():
    name = {"property": "s2:tile's"}
    text = cql2_text(
        {"op": "and", "args": [{"op": "=", "args": [name, "o'neill"]}, {"op": "<>", "args": [name, 1e-7]}]}
    )
    assert text == "(\"s2:tile's\" = 'o''neill' AND \"s2:tile's\" <> 1e-07)"
    assert by_sql({"s2:tile's": "o'neill"}, text)
    for odd in ({"op": "like", "args": [name, "a%"]}, {"property": 'a"b'}, {"op": "and", "args": []}, None, [1]):
        with pytest.raises(CatalogError, match="cannot be written as text"):
            cql2_text(odd)

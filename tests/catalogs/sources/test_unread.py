import pytest
from august_query import query
from item_filters import conformance
from made_items import made_item
from paged_server import Faults, paged_server

from catalogs.comparison import Comparison
from catalogs.items.providers import PROVIDERS
from catalogs.search import search_with_refusals
from catalogs.sources.unread import UNREAD


def items():
    """Two, each with a picture, a copy as JPEG 2000 and an asset that somebody may read."""
    made = [made_item("a"), made_item("b")]
    for item in made:
        item["assets"] |= {key: {"href": f"https://example.org/{key}"} for key in ("thumbnail", "red-jp2", "visual")}
        item["links"] = [{"rel": "self", "href": "https://example.org/items/x"}]
    return made


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_api_of_the_fields_extension_leaves_out_what_nobody_reads(method):
    faults = Faults()
    faults.methods, faults.next_method = (method,), method
    with paged_server(items(), faults, conformance("fields")) as (url, _):
        found = search_with_refusals(query(url), limit=1).items
        named = search_with_refusals(query(url, assets=("red-jp2", "visual")), limit=1).items
    for whole, without, with_named in zip(items(), found, named, strict=True):
        assert without["assets"].keys() == whole["assets"].keys() - {"thumbnail", "red-jp2"}
        assert with_named["assets"].keys() == whole["assets"].keys() - {"thumbnail"}
        assert without == {**whole, "assets": without["assets"]}


def test_an_api_without_it_is_not_asked_and_one_that_refuses_it_gives_whole_items_still_filtered():
    where = (Comparison("platform", "eq", "sentinel-2a"),)
    for declared in ((), ("fields",)):
        faults, classes = Faults(), conformance("cql2-json", *declared)
        faults.selects = False
        with paged_server([*items(), made_item("c", platform="x")], faults, classes) as (url, searches):
            assert search_with_refusals(query(url, where=where), limit=1).items == items()
        assert faults.untaken == ["fields"] * 2 * len(declared)
        assert all(sent != ["c"] and "fields" not in body for _, body, sent in searches)


@pytest.mark.parametrize("dropped", ["geometry", "collection", "assets"])
def test_an_api_that_leaves_out_what_was_asked_for_is_asked_for_whole_items(dropped):
    faults = Faults()
    faults.dropped = dropped
    with paged_server(items(), faults, conformance("fields")) as (url, searches):
        assert search_with_refusals(query(url), limit=1).items == items()
    assert ["fields" in body for _, body, _ in searches] == [True, True, False, False]


def test_no_shipped_row_reads_what_is_left_out():
    rows = {key for row in PROVIDERS for key in (*row.keys, row.layout_asset)}
    assert not UNREAD & rows

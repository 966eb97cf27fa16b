"""Requests to an API and its answers; what is no API and a whole search of one are tested in test_search."""

import pytest
import shapely
from august_query import ids, query
from made_items import made_item
from paged_server import paged_server

from catalogs import CatalogError
from catalogs.search import search_with_refusals
from catalogs.sources import api
from catalogs.sources.api import refuse_local_files


def test_a_catalog_elsewhere_may_not_name_files_of_this_machine():
    with pytest.raises(CatalogError, match="must not name files of this one"):
        refuse_local_files("https://example.org", made_item(hrefs="/etc/"))


def test_items_of_another_machine_that_name_files_of_this_one_are_refused(monkeypatch):
    monkeypatch.setattr(api, "LOOPBACK", ())
    with paged_server([made_item("good"), made_item("evil", hrefs="/etc/")]) as (url, _):
        found = search_with_refusals(query(url))
    assert ids(found.items) == ["good"]
    assert "must not name files of this one" in found.refusals["evil"]


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

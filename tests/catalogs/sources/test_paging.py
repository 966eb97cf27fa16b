import pytest
from paged_items import IDS, ITEMS, ids, query
from paged_server import Faults, paged_server

from catalogs.errors import CatalogUnavailable
from catalogs.search import search_with_refusals
from catalogs.sources.paging import request_digest


def test_a_continuation_the_server_no_longer_takes_asks_its_slice_anew(tmp_path):
    faults = Faults()

    class Interrupted(Exception):
        pass

    def interrupt(count):
        if count == 10:
            raise Interrupted

    with paged_server(ITEMS, faults) as (url, searches):
        with pytest.raises(Interrupted):
            search_with_refusals(query(url), tmp_path, interrupt, 3)
        half = len(searches)
        faults.forgotten = True
        with pytest.raises(CatalogUnavailable, match=r"refuses the request: .* \(status 400: .*no such token"):
            search_with_refusals(query(url), tmp_path, limit=3)
        faults.forgotten = False
        assert ids(search_with_refusals(query(url), tmp_path, limit=3)) == IDS
    again = [body for _, body, _ in searches[half:] if "token" not in body]
    assert [body["datetime"][:7] for body in again] == ["2023-07", "2023-08"]


def test_a_slice_that_is_short_once_is_asked_again():
    faults = Faults()
    faults.lost = {"item-04"}

    def heal(number):
        faults.lost = set() if number == 3 else faults.lost

    faults.after = heal
    with paged_server(ITEMS, faults) as (url, _):
        assert ids(search_with_refusals(query(url), limit=3)) == IDS


def test_a_slice_that_stays_short_is_reported_and_not_taken_for_whole(tmp_path):
    faults = Faults()
    faults.lost = {"item-04", "item-07"}
    with paged_server(ITEMS, faults) as (url, _):
        with pytest.raises(CatalogUnavailable, match=r"says that 7 items match .* but gives only 5 of them, twice"):
            search_with_refusals(query(url), tmp_path, limit=3)
        faults.lost = set()
        assert ids(search_with_refusals(query(url), tmp_path, limit=3)) == IDS


def test_items_repeated_on_the_next_page_are_there_once():
    faults = Faults()
    faults.twice = True
    with paged_server(ITEMS, faults) as (url, _):
        assert ids(search_with_refusals(query(url), limit=3)) == IDS


def test_a_server_that_does_not_count_is_searched_to_the_end():
    with paged_server(ITEMS, counts=False) as (url, _):
        found = search_with_refusals(query(url), limit=3)
    assert (ids(found), found.matched) == (IDS, None)


def test_pages_that_form_a_circle_end():
    faults = Faults()
    faults.circle = True
    with paged_server(ITEMS, faults) as (url, _), pytest.raises(CatalogUnavailable, match="leads in a circle"):
        search_with_refusals(query(url), limit=3)


def test_the_name_of_a_request_does_not_depend_on_the_order_of_its_fields():
    first = request_digest({"a": 1, "b": [2]})
    assert first == request_digest({"b": [2], "a": 1})
    assert first != request_digest({"a": 1, "b": [3]})

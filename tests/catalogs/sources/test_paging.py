import pytest
from paged_items import IDS, ITEMS, ids, query
from paged_server import Faults, paged_server

from catalogs.errors import CatalogUnavailable
from catalogs.search import search_with_refusals
from catalogs.sources import paging
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


def test_where_counts_were_exact_a_slice_that_stays_short_is_told_and_asked_for_twice(tmp_path):
    faults = Faults()
    faults.lost = {"item-04", "item-07"}
    with paged_server(ITEMS, faults) as (url, searches):
        found = search_with_refusals(query(url), tmp_path, limit=3)
    assert ids(found) == [name for name in IDS if name not in faults.lost]
    assert [len(given) for _, body, given in searches if body["datetime"].startswith("2023-07")] == [3, 2, 3, 2]
    (warning,) = found.warnings
    assert f"{url} counts 7 items but gives 5, first for sentinel-2-l2a of 2023-07-01" in warning


@pytest.mark.parametrize("limit", [3, 100])
def test_an_estimated_count_is_told_and_nothing_is_asked_for_twice(limit):
    faults = Faults()
    faults.counted = lambda number: number + 3
    with paged_server(ITEMS, faults) as (url, searches):
        found = search_with_refusals(query(url), limit=limit)
    assert ids(found) == IDS
    requests = [repr(body) for _, body, _ in searches]
    assert len(requests) == len(set(requests)) == (8 if limit == 3 else 3)
    assert "counts 29 items but gives 20" in found.warnings[0]


def test_a_count_below_the_items_given_ends_no_search_and_needs_no_word():
    faults = Faults()
    faults.counted = lambda number: 1
    with paged_server(ITEMS, faults) as (url, _):
        found = search_with_refusals(query(url), limit=3)
    assert (ids(found), found.warnings) == (IDS, ())


def test_items_that_each_pass_loses_anew_are_found_by_further_passes_or_end_the_search():
    faults = Faults()
    orders = iter([{"item-01", "item-04"}, {"item-07"}])

    def lose_others(number):
        faults.lost = next(orders, set()) if number in (3, 5) else faults.lost

    faults.after = lose_others
    with paged_server(ITEMS, faults) as (url, _):
        found = search_with_refusals(query(url), limit=3)
    assert (ids(found), found.warnings) == (IDS, ())

    july = [name for name in IDS if int(name[-2:]) % 3 == 1]
    faults.after = lambda number: setattr(faults, "lost", set(july) - {july[number % 7]})
    with paged_server(ITEMS, faults) as (url, _), pytest.raises(CatalogUnavailable, match="gives others each time"):
        search_with_refusals(query(url), limit=3)


@pytest.mark.parametrize("counts", [True, False])
def test_empty_pages_with_a_link_to_the_next_one_do_not_end_a_search(counts):
    faults = Faults()
    faults.gaps = 5
    with paged_server(ITEMS, faults, counts=counts) as (url, _):
        assert ids(search_with_refusals(query(url), limit=3)) == IDS


def test_pages_without_a_new_item_end_the_search_after_some(monkeypatch, tmp_path):
    monkeypatch.setattr(paging, "MAX_IDLE_PAGES", 4)
    faults = Faults()
    faults.gaps = None
    with paged_server(ITEMS, faults) as (url, searches):
        assert ids(search_with_refusals(query(url))) == IDS
        assert len(searches) == 3 * (1 + 5)
    said = "gives 5 pages in a row without a new item"
    with paged_server(ITEMS, faults, counts=False) as (url, _), pytest.raises(CatalogUnavailable, match=said):
        search_with_refusals(query(url), tmp_path)
    faults.gaps = 0
    with paged_server(ITEMS, faults) as (url, _):
        assert ids(search_with_refusals(query(url), tmp_path)) == IDS


@pytest.mark.parametrize(("most", "number"), [("MAX_ITEMS", 5), ("MAX_PAGES", 2)])
def test_ever_new_items_end_the_search(monkeypatch, most, number):
    monkeypatch.setattr(paging, most, number)
    said = "gives 6 items on 2 pages and more for sentinel-2-l2a of 2023-06"
    with paged_server(ITEMS) as (url, _), pytest.raises(CatalogUnavailable, match=said):
        search_with_refusals(query(url), limit=3)


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

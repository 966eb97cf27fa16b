"""Documents over http(s) (`fetch.py`, `deadline.py`)."""

import gzip
import time
from types import SimpleNamespace

import pytest
from paged_items import IDS, ITEMS, ids, query
from paged_server import Faults, paged_server
from raw_server import document, raw_server

from catalogs.errors import CatalogUnavailable
from catalogs.search import search_with_refusals
from catalogs.sources import fetch


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_failures_that_pass_are_waited_out(status):
    faults = Faults()
    faults.statuses = [status] * 5
    with paged_server(ITEMS, faults) as (url, _):
        assert ids(search_with_refusals(query(url))) == IDS


@pytest.mark.parametrize(
    ("retry_after", "waited"), [("soon", [0.5, 1, 2, 4, 8]), ("7", [7] * 5), ("3600", [fetch.MAX_PAUSE_SECONDS] * 5)]
)
def test_pauses_double_unless_the_server_names_one(monkeypatch, retry_after, waited):
    pauses = []
    monkeypatch.setattr(fetch, "FIRST_PAUSE_SECONDS", 0.5)
    monkeypatch.setattr(fetch, "time", SimpleNamespace(sleep=pauses.append, monotonic=time.monotonic))
    faults = Faults()
    faults.statuses, faults.retry_after = [503] * 5, retry_after
    with paged_server(ITEMS, faults) as (url, _):
        search_with_refusals(query(url))
    assert pauses == waited


def test_a_failure_that_stays_is_told_with_what_the_server_says():
    faults = Faults()
    faults.statuses = [503] * 6
    with paged_server(ITEMS, faults) as (url, _):
        with pytest.raises(CatalogUnavailable, match=r"does not answer: .*\(status 503: .*made to fail") as told:
            search_with_refusals(query(url))
        assert ids(search_with_refusals(query(url))) == IDS
    assert "\n" not in str(told.value)


def test_an_answer_that_breaks_off_is_asked_for_again(monkeypatch):
    faults = Faults()
    faults.broken = 2
    with paged_server(ITEMS, faults) as (url, _):
        assert ids(search_with_refusals(query(url))) == IDS


def test_a_document_beyond_the_size_limit_is_refused(monkeypatch):
    monkeypatch.setattr(fetch, "MAX_DOCUMENT_BYTES", 1000)
    with paged_server(ITEMS) as (url, _), pytest.raises(CatalogUnavailable, match="MiB in one document"):
        search_with_refusals(query(url))


def test_a_server_that_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(fetch, "READ_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(fetch, "MAX_CONNECT_ATTEMPTS", 1)
    faults = Faults()
    faults.statuses = SlowList()
    with paged_server(ITEMS, faults) as (url, _), pytest.raises(CatalogUnavailable, match="does not answer"):
        search_with_refusals(query(url))


class SlowList(list):
    def __bool__(self):
        time.sleep(0.5)
        return False


def test_a_link_to_another_host_is_not_followed():
    faults = Faults()
    faults.host = "http://169.254.169.254"
    said = r"leads on to 'http://169\.254\.169\.254/search'"
    with paged_server(ITEMS, faults) as (url, _), pytest.raises(CatalogUnavailable, match=said):
        search_with_refusals(query(url), limit=3)


@pytest.mark.parametrize(
    ("link", "allowed"),
    [
        ("/search?token=2", True),
        ("https://example.org/search", True),
        ("http://example.org:80/search", True),
        ("http://example.org:8080/search", False),
        ("http://example.org.evil.org/search", False),
        ("file:///etc/passwd", False),
        ("ftp://example.org/search", False),
        ("http://[broken/search", False),
    ],
)
def test_links_stay_on_their_host(link, allowed):
    if allowed:
        assert fetch.resolve_on_host("http://example.org/", link)
    else:
        with pytest.raises(CatalogUnavailable, match="only followed on its own host and scheme"):
            fetch.resolve_on_host("http://example.org/", link)
    with pytest.raises(CatalogUnavailable):
        fetch.resolve_on_host("https://example.org/", "http://example.org/search")


def drip(start):
    def answer(handler):
        handler.wfile.write(start)
        for _ in range(500):
            handler.wfile.write(b" ")
            time.sleep(0.02)

    return answer


def redirect_slowly(handler):
    time.sleep(0.1)
    handler.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        drip(b"HTTP/1.1 200"),
        drip(b"HTTP/1.1 200 OK\r\nX-Slow:"),
        drip(document(b"", 99)),
        redirect_slowly,
    ],
    ids=["status", "headers", "body", "redirects"],
)
def test_an_answer_that_drips_has_one_deadline_and_no_second_attempt(monkeypatch, answer):
    monkeypatch.setattr(fetch, "DEADLINE_SECONDS", 0.3)
    begun = time.monotonic()
    with raw_server(answer) as url, pytest.raises(CatalogUnavailable, match=r"not given a whole answer after 0\.3 s"):
        fetch.fetch_json(fetch.new_session(), url)
    assert 0.3 <= time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (document(gzip.compress(b" " * 2_000_000), Content_Encoding="gzip"), "more than 1 MiB in one document"),
        (document(b"{}", Content_Encoding="gzip, gzip"), "Content-Encoding 'gzip, gzip'"),
        (document(b"[" * 100_000), "does not give JSON"),
        (document(b"1" * 5_000), "does not give JSON"),
        (document(b'{"id": "\xff"}'), "does not give JSON"),
    ],
    ids=["bomb", "chain of encodings", "nested", "digits", "bytes"],
)
def test_answers_made_to_exhaust_the_reader_end_in_a_sentence(monkeypatch, answer, said):
    monkeypatch.setattr(fetch, "MAX_DOCUMENT_BYTES", 2**20)
    session = fetch.new_session()
    with (
        raw_server(lambda handler: handler.wfile.write(answer)) as url,
        pytest.raises(CatalogUnavailable, match=said) as told,
    ):
        fetch.fetch_json(session, url)
    assert "\n" not in str(told.value)


def test_an_address_that_no_request_can_have_is_not_tried_again(monkeypatch):
    monkeypatch.setattr(fetch, "time", SimpleNamespace(sleep=pytest.fail, monotonic=time.monotonic))
    with pytest.raises(CatalogUnavailable, match="cannot be requested: check the address"):
        fetch.fetch_json(fetch.new_session(), "http://*.example/")


@pytest.mark.parametrize("location", ["http://[x", "//", "http://other.example/"])
def test_a_redirect_is_followed_by_its_address_alone(location):
    """Its body, here without end, is not read."""

    def answer(handler):
        handler.wfile.write(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n".encode())
        drip(b"")(handler)

    begun = time.monotonic()
    with raw_server(answer) as url, pytest.raises(CatalogUnavailable, match=r"leads on to|redirects more than"):
        fetch.fetch_json(fetch.new_session(), url)
    assert time.monotonic() - begun < 5

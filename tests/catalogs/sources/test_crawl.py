"""Crawling itself; broken documents and circles of links are tested in test_static_folder and test_static_http."""

from urllib.parse import urljoin as join

import pytest

from catalogs.errors import CatalogError, CatalogUnavailable
from catalogs.sources.crawl import crawl
from catalogs.sources.fetch import ClientError


def link(rel, href):
    return {"rel": rel, "href": href}


def feature(name, collection="wanted"):
    return {"type": "Feature", "id": name, "collection": collection, "assets": {}}


WEB = {
    "/": {
        "type": "Catalog",
        "links": [link("child", "a/"), link("child", "b/"), link("root", "/"), link("item", "loose")],
    },
    "/loose": feature("loose"),
    "/a/": {
        "type": "Collection",
        "id": "wanted",
        "links": [link("item", "one"), link("item", "two"), link("child", "/")],
    },
    "/a/one": feature("one"),
    "/a/two": {"type": "FeatureCollection", "features": [feature("two"), feature("stranger", "other")]},
    "/b/": {"type": "Collection", "id": "other", "links": [link("item", "never"), link("child", "inner/")]},
    "/b/inner/": {"type": "Collection", "id": "wanted", "links": [link("item", "/a/one"), link("item", "three")]},
    "/b/inner/three": feature("three"),
}


def urljoin(address, href):
    if not isinstance(href, str):
        raise CatalogError(f"no href: {href}")
    return join(address, href)


def crawled(max_documents=100):
    read = []

    def document(address):
        read.append(address)
        if address not in WEB:
            raise CatalogError(f"{address} is gone")
        if isinstance(WEB[address], Exception):
            raise WEB[address]
        return WEB[address]

    refused = {}
    found = crawl("/", "wanted", document, urljoin, absolute, refused.__setitem__, max_documents)
    return [(item["id"], item["at"]) for item in found], read, refused


def absolute(item, address):
    return {**item, "at": address}


def test_every_document_of_the_collection_is_read_once_and_items_of_others_are_not():
    found, read, refused = crawled()
    assert found == [("one", "/a/one"), ("two", "/a/two"), ("three", "/b/inner/three"), ("loose", "/loose")]
    assert sorted(read) == sorted(WEB)
    assert refused == {}


def test_items_that_cannot_be_read_are_told_and_stop_no_other(monkeypatch):
    links = [*WEB["/a/"]["links"], link("item", "gone"), link("item", "text"), {"rel": "item"}, {}, "odd"]
    monkeypatch.setitem(WEB, "/a/", {**WEB["/a/"], "links": links})
    monkeypatch.setitem(WEB, "/a/text", "<html>")
    found, _, refused = crawled()
    assert [name for name, _ in found] == ["one", "two", "three", "loose"]
    assert sorted(refused) == ["/a/ None", "/a/gone", "/a/text"]
    monkeypatch.setitem(WEB, "/", {**WEB["/"], "links": [link("child", "gone/")]})
    with pytest.raises(CatalogError, match="/gone/ is gone"):
        crawled()


def test_a_server_that_does_not_answer_for_an_item_ends_the_search(monkeypatch):
    monkeypatch.setitem(WEB, "/loose", CatalogUnavailable("no answer"))
    with pytest.raises(CatalogUnavailable, match="no answer"):
        crawled()
    monkeypatch.setitem(WEB, "/loose", ClientError("not there", 404))
    assert crawled()[2] == {"/loose": "not there"}


def test_a_catalog_of_too_many_documents_is_refused():
    crawled(len(WEB))
    with pytest.raises(CatalogError, match=f"leads to more than {len(WEB) - 1} documents"):
        crawled(len(WEB) - 1)

"""Crawling itself; broken documents and circles of links are tested in test_static_folder and test_static_http."""

from urllib.parse import urljoin

import pytest

from catalogs.errors import CatalogError
from catalogs.sources.crawl import crawl


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


def crawled(max_documents=100):
    read = []

    def document(address):
        read.append(address)
        return WEB[address]

    found = crawl("/", "wanted", document, urljoin, lambda item, address: {**item, "at": address}, max_documents)
    return [(item["id"], item["at"]) for item in found], read


def test_every_document_of_the_collection_is_read_once_and_items_of_others_are_not():
    found, read = crawled()
    assert found == [("one", "/a/one"), ("two", "/a/two"), ("three", "/b/inner/three"), ("loose", "/loose")]
    assert sorted(read) == sorted(WEB)


def test_a_catalog_of_too_many_documents_is_refused():
    crawled(len(WEB))
    with pytest.raises(CatalogError, match=f"leads to more than {len(WEB) - 1} documents"):
        crawled(len(WEB) - 1)

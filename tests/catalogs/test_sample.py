"""sample.py: the first items of a collection, of each kind of catalog."""

import json

import pytest
from made_items import made_catalog, made_item
from raw_server import raw_server

from catalogs import CatalogError
from catalogs.sample import first_items


def test_a_static_catalog_gives_its_first_items(tmp_path):
    folder = made_catalog(tmp_path / "made", [made_item(f"item-{number}") for number in range(5)])
    assert len(first_items(str(folder), "sentinel-2-l2a", 3)) == 3
    with pytest.raises(CatalogError, match="gives no items of 'naip'"):
        first_items(str(folder), "naip")


def test_items_of_another_collection_and_items_without_properties_are_no_sample():
    """CMR-STAC ignores the name of a collection that it does not know (nasa/cmr-stac#392)."""

    def answer(handler):
        search = {"rel": "search", "method": "GET", "href": f"http://{handler.headers['Host']}/search"}
        items = [made_item("whole"), {**made_item("bare"), "properties": None}]
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        handler.wfile.write(json.dumps({"type": "Catalog", "links": [search], "features": items}).encode())

    with raw_server(answer) as url:
        assert [item["id"] for item in first_items(url, "sentinel-2-l2a")] == ["whole"]
        with pytest.raises(CatalogError, match="gives no items of 'no-such-thing'"):
            first_items(url, "no-such-thing")

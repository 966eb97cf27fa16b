import json
import os
from datetime import UTC, datetime

import pytest
from made_items import made_catalog, made_item

import catalogs
from catalogs import CatalogError, CatalogUnavailable, Query, read_scene
from catalogs.search import search_with_refusals

AUGUST = {"start": datetime(2023, 8, 1, tzinfo=UTC), "end": datetime(2023, 8, 31, tzinfo=UTC)}
WORLD = [
    made_item("c-here", hrefs="./"),
    made_item("a-here", hrefs="./", datatake="GS2A_20230818T100031_042590", datetime="2023-08-18T10:00:00Z"),
]


def query(catalog):
    return Query(str(catalog), "sentinel-2-l2a", (15.2, 46.2, 15.4, 46.4), **AUGUST)


def ids(items):
    return [item["id"] for item in items]


@pytest.fixture
def folder(tmp_path):
    return made_catalog(tmp_path / "world", WORLD)


def test_local_hrefs_become_whole_paths(folder):
    item = catalogs.search_items(query(folder))[0]
    assert item["assets"]["blue"]["href"] == str(folder.resolve() / "sentinel-2-l2a" / "a-here" / "B02.tif")


@pytest.mark.parametrize(
    "href", ["../../../outside.tif", "%2e%2e/../../outside.tif", "/etc/hosts", "file:///etc/hosts"]
)
def test_an_href_that_leads_out_of_the_catalog_concerns_only_who_reads_it(tmp_path, href):
    (tmp_path / "outside.tif").touch()
    item = made_item(hrefs="./")
    item["assets"]["thumbnail"] = {"href": href}
    item["assets"]["blue"]["href"] = href
    (found,) = catalogs.search_items(query(made_catalog(tmp_path / "world", [item])))
    assert read_scene(found, ["red"]).band("red").href.endswith(f"{item['id']}/B04.tif")
    with pytest.raises(CatalogError, match=r"the href of asset blue is .*, which is outside the catalog's folder"):
        read_scene(found, ["red", "blue"])


def test_a_link_of_the_file_system_does_not_lead_out_either(tmp_path):
    item = made_item(hrefs="./")
    folder = made_catalog(tmp_path / "world", [item])
    (tmp_path / "outside.tif").touch()
    (folder / "sentinel-2-l2a" / item["id"] / "B02.tif").symlink_to(tmp_path / "outside.tif")
    (found,) = catalogs.search_items(query(folder))
    with pytest.raises(CatalogError, match="outside the catalog's folder"):
        read_scene(found, ["blue"])


def test_hrefs_may_be_percent_encoded_and_have_a_query(tmp_path):
    item = made_item("a b#1", hrefs="./my%20bands/")
    folder = made_catalog(tmp_path / "world", [item])
    path = folder / "sentinel-2-l2a" / "collection.json"
    collection = json.loads(path.read_text())
    collection["links"][1]["href"] = "./a%20b%231/item.json?version=2"
    path.write_text(json.dumps(collection))
    bands = path.parent / "a b#1" / "my bands"
    bands.mkdir()
    (bands / "B04.tif").touch()
    (found,) = catalogs.search_items(query(folder))
    assert found["assets"]["red"]["href"] == str(bands.resolve() / "B04.tif")


def test_an_item_that_cannot_be_read_stops_no_other(folder):
    path = folder / "sentinel-2-l2a" / "a-here" / "item.json"
    path.write_text("{")
    found = search_with_refusals(query(folder))
    assert ids(found.items) == ["c-here"]
    assert found.refusals.keys() == {str(path.resolve())}
    path.unlink()
    os.mkfifo(path)
    assert "no regular file" in search_with_refusals(query(folder)).refusals[str(path.resolve())]
    (folder / "catalog.json").unlink()
    os.mkfifo(folder / "items.ndjson")
    with pytest.raises(CatalogError, match="no regular file"):
        catalogs.search_items(query(folder / "items.ndjson"))


def test_a_catalog_that_links_in_a_circle_ends(folder):
    path = folder / "catalog.json"
    catalog = json.loads(path.read_text())
    catalog["links"].append({"rel": "child", "href": "./catalog.json"})
    path.write_text(json.dumps(catalog))
    assert ids(catalogs.search_items(query(folder))) == ["a-here", "c-here"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "must hold an object"),
        ('{"type": "Map"}', "its type is 'Map'"),
        ('{"type": "Catalog"}', "a list of links, each with rel and href"),
        ('{"type": "Catalog", "links": [{"rel": "child", "href": "gone.json"}]}', "gone.json, which is not there"),
        ('{"type": "Catalog", "links": [{"rel": "child", "href": "../x.json"}]}', "outside the catalog's folder"),
        (
            '{"type": "Catalog", "links": [{"rel": "child", "href": "https://x/y.json"}]}',
            "outside the catalog's folder",
        ),
        ('{"type": "FeatureCollection"}', "features must be a list of objects"),
    ],
)
def test_files_that_are_no_catalog_are_named(tmp_path, text, said):
    (tmp_path / "catalog.json").write_text(text)
    with pytest.raises(CatalogError, match=said):
        catalogs.search_items(query(tmp_path))


def test_a_folder_without_a_catalog_says_what_to_give(tmp_path):
    with pytest.raises(CatalogUnavailable, match=r"no STAC catalog at .*: give a folder with a catalog\.json"):
        catalogs.search_items(query(tmp_path / "nowhere"))


@pytest.mark.parametrize("broken", ["none", {"blue": "B02.tif"}, None])
def test_an_item_with_broken_assets_stops_no_other(tmp_path, broken):
    folder = made_catalog(tmp_path / "world", [WORLD[0], WORLD[1] | {"assets": broken}])
    items = catalogs.search_items(query(folder))
    scenes, refused = catalogs.read_scenes(items, ["blue"])
    assert [scene.id for scene in scenes] == ["c-here"]
    assert set(refused) <= {"a-here"}

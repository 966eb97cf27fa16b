"""Searches of all kinds of catalogs (`search.py`), and `errors.py`."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
import shapely
from august_query import AROUND, ids, query
from made_items import made_catalog, made_item

import catalogs
from catalogs import CatalogError
from catalogs.search import select_from_items

WORLD = [
    made_item("c-here", hrefs="./"),
    made_item("a-here", hrefs="./", datatake="GS2A_20230818T100031_042590", datetime="2023-08-18T10:00:00Z"),
    made_item("b-elsewhere", hrefs="./", bounds=(20, 46, 21, 47)),
    made_item("d-in-september", hrefs="./", datetime="2023-09-01T00:00:01Z"),
]


@pytest.fixture
def folder(tmp_path):
    return made_catalog(tmp_path / "world", WORLD)


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    made_catalog(folder / "world", [])
    many = [made_item(f"copy-{number:03}", hrefs="/data/") for number in range(230)]
    lines = [json.dumps(item) for item in [*WORLD, *many]]
    (folder / "items.ndjson").write_text("\n".join(lines))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [Path(sys.executable).parent / "rustac", "serve", "--addr", address]
    command += [folder / "world" / "sentinel-2-l2a" / "collection.json", folder / "items.ndjson"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://{address}/", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait()


def test_a_static_catalog_gives_the_items_of_the_area_and_the_period(folder):
    assert ids(catalogs.search_items(query(folder))) == ["a-here", "c-here"]
    assert ids(catalogs.search_items(query(folder / "catalog.json"))) == ["a-here", "c-here"]
    assert ids(catalogs.search_items(query(folder, area=(-10, 0, -9, 1)))) == []
    assert ids(catalogs.search_items(query(folder, collection="sentinel-1"))) == []


def test_both_ends_of_the_period_belong_to_it(folder):
    moment = datetime(2023, 8, 18, 10, tzinfo=UTC)
    assert ids(catalogs.search_items(query(folder, start=moment, end=moment))) == ["a-here"]


def test_scenes_come_in_order_of_time_and_progress_counts(folder):
    found = []
    scenes = catalogs.search(query(folder), ("red", "nir"), found.append)
    assert [scene.id for scene in scenes] == ["c-here", "a-here"]
    assert found == [1, 2]


def test_an_id_that_comes_twice_is_there_once_in_its_newer_form(tmp_path):
    old, new = made_item("twice"), made_item("twice", updated="2024-01-01T00:00:00Z")
    (tmp_path / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": [new, old]}))
    (found,) = catalogs.search_items(query(tmp_path / "items.json"))
    assert found["properties"]["updated"] == "2024-01-01T00:00:00Z"


def test_an_api_answers_as_the_static_catalog_does_over_all_its_pages(api):
    found = ids(catalogs.search_items(query(api)))
    assert found == ["a-here", "c-here", *[f"copy-{number:03}" for number in range(230)]]
    moment = datetime(2023, 8, 18, 10, tzinfo=UTC)
    assert ids(catalogs.search_items(query(api, start=moment, end=moment))) == ["a-here"]


def test_an_api_gives_scenes(api):
    moment = datetime(2023, 8, 15, 9, 57, 57, 246000, tzinfo=UTC)
    (scene,) = catalogs.scenes(catalogs.search_items(query(api, start=moment, end=moment))[1:])
    assert scene.id == "copy-229"
    assert scene.band("blue").href == "/data/B02.tif"


def test_an_address_where_nothing_answers_is_named(api):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(CatalogError, match=rf"{url} does not answer: check the address") as refused:
            catalogs.search_items(query(url))
    assert "\n" not in str(refused.value)


def test_a_page_that_is_no_stac_api_is_named(api):
    with pytest.raises(CatalogError, match="is neither a STAC API nor a static catalog: check the address"):
        catalogs.search_items(query(f"{api}/conformance"))


def test_importing_catalogs_loads_nothing_heavy():
    program = "import catalogs, sys; print(*{'pystac', 'rustac', 'requests', 'torch', 'ray'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "\n"


def test_an_area_may_be_a_polygon(folder):
    triangle = shapely.Polygon([(19, 46), (20.5, 46), (19, 47)])
    assert ids(catalogs.search_items(query(folder, area=triangle))) == ["b-elsewhere"]
    beside = shapely.Polygon([(16.5, 46), (19.5, 46), (16.5, 47)])
    assert ids(catalogs.search_items(query(folder, area=beside))) == []


def test_scenes_are_chosen_with_a_reason_for_every_other_item():
    items = [
        made_item("kept"),
        made_item("old", baseline="05.00"),
        made_item("cloudy", eo__cloud_cover=90, datatake="GS2A_20230818T100031_042590"),
        made_item("corner", bounds=(15.0, 46.0, 15.21, 46.21), datatake="GS2A_20230821T100031_042633"),
        {**made_item("broken"), "assets": {}},
    ]
    selection = select_from_items(items, ("red",), area=AROUND, months=(8,), max_cloud=50, min_clear_share=0.1)
    assert [scene.id for scene in selection.scenes] == ["kept"]
    assert sorted(selection.exclusions) == ["broken", "cloudy", "corner", "old"]
    assert selection.exclusions["broken"].startswith("item broken has none of the assets")
    assert "kept is a newer processing" in selection.exclusions["old"]
    assert "90 % is above max_cloud 50 %" in selection.exclusions["cloudy"]
    assert "show 0.22 % of its tile's ground in the area clear, less than the 10 %" in selection.exclusions["corner"]


@pytest.mark.realdata
@pytest.mark.skipif("IDGBR_DATA" not in os.environ, reason="IDGBR_DATA is not set")
def test_the_real_static_catalog():
    catalog = Path(os.environ["IDGBR_DATA"]) / "sentinel2_l2a_33T"
    scenes = catalogs.search(query(catalog, area=(14.5, 45.0, 16.5, 47.0), max_cloud=40.0))
    assert [(f"{scene.datetime:%m%d}", scene.tile) for scene in scenes] == [
        (day, tile) for day in ("0813", "0815", "0820") for tile in ("33TWM", "33TWL")
    ]
    assert all(Path(asset.href).is_file() for scene in scenes for asset in (*scene.bands, scene.mask))
    assert {asset.offset for scene in scenes for asset in scene.bands} == {0.0}

import json
from datetime import datetime

import pytest
import shapely
from pystac_client import Client

from catalogs.simulated import DEFAULT_DATES, ServerError, serve, simulate


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("served") / "world", 3, kilometres=3, dates=DEFAULT_DATES[:4])


@pytest.fixture(scope="module")
def client(world):
    with serve(world.folder) as url:
        yield Client.open(url)


@pytest.mark.parametrize("bbox", [(11.9, 48.4, 12.1, 48.6), (12.005, 48.503, 12.006, 48.504), (11.0, 48.0, 11.5, 48.2)])
@pytest.mark.parametrize("days", [("2024-05-01", "2024-05-31"), ("2024-06-17", "2024-08-31")])
def test_a_search_finds_what_brute_force_finds(world, client, bbox, days):
    begin, end = (datetime.fromisoformat(day + "T00:00:00+00:00") for day in days)
    expected = set()
    for item in map(json.loads, world.items.read_text().splitlines()):
        sensed = datetime.fromisoformat(item["properties"]["datetime"])
        if begin <= sensed <= end and shapely.box(*bbox).intersects(shapely.geometry.shape(item["geometry"])):
            expected.add(item["id"])
    span = f"{begin:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}"
    search = client.search(collections=["sentinel-2-l2a"], bbox=bbox, datetime=span, method="POST", limit=3)
    assert {item.id for item in search.items()} == expected


def test_served_items_point_at_files_that_are_there(world, client):
    item = next(client.search(collections=["sentinel-2-l2a"], method="POST").items())
    assert all(asset.href.startswith(str(world.folder)) for asset in item.assets.values())


def test_a_folder_without_a_world_is_refused(tmp_path):
    with pytest.raises(ServerError, match="holds no simulated world"), serve(tmp_path):
        pass


def test_a_port_in_use_is_refused(world):
    with serve(world.folder) as url:
        port = int(url.rsplit(":", 1)[1])
        with pytest.raises(ServerError, match=f"port {port} cannot be used"), serve(world.folder, port):
            pass


def test_a_server_that_cannot_start_says_why(world, tmp_path):
    (tmp_path / "sentinel-2-l2a").mkdir()
    (tmp_path / "sentinel-2-l2a/collection.json").write_bytes(
        (world.folder / "sentinel-2-l2a/collection.json").read_bytes()
    )
    (tmp_path / "items.ndjson").write_text("{broken\n")
    with pytest.raises(ServerError, match=r"rustac does not serve .*: ERROR"), serve(tmp_path):
        pass

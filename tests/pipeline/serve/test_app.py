"""The service of a demo's cube, also `server.py`, `workers.py`, `maps.py`, `chunks.py`, `describe.py`, `colours.py`,
`image.py`, `mercator.py`, `tiles.py`, `tile_routes.py`, `query_routes.py`, `listen.py`."""

from io import BytesIO

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from pipeline.cube.cube import Cube
from pipeline.serve.app import create_app


@pytest.fixture(scope="module")
def client(undisturbed):
    with TestClient(create_app(Cube.open(undisturbed[0].cube))) as client:
        yield client


def test_the_cube_is_described(client):
    cube = client.get("/cube").json()
    assert cube["crs"] == "EPSG:3035"
    assert cube["newest"] == cube["versions"][0]["id"]


def test_a_tile_shows_the_map_and_is_not_sent_twice(client):
    west, south, east, north = client.get("/cube").json()["bounds"]
    x = int(((west + east) / 2 + 180) / 360 * 2**11)
    y = int((1 - np.arcsinh(np.tan(np.radians((south + north) / 2))) / np.pi) / 2 * 2**11)
    answer = client.get(f"/tiles/landcover/11/{x}/{y}.png")
    assert answer.status_code == 200
    assert np.asarray(Image.open(BytesIO(answer.content)).convert("RGBA"))[..., 3].any()
    again = client.get(f"/tiles/landcover/11/{x}/{y}.png", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304

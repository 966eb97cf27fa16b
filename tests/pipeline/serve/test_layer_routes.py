"""Legends and WMTS capabilities, read by GDAL; OpenLayers reads them in `tests/browser`.

Also `legend.py`, `wmts.py` and an s3 cube served.
"""

from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
from fastapi.testclient import TestClient
from made_maps import patches, publish
from PIL import Image
from rasterio.warp import transform_bounds
from s3_server import serving as serving_s3

from pipeline.cube.cube import Cube
from pipeline.serve.app import create_app
from pipeline.serve.mercator import tile_at

NS = {"w": "http://www.opengis.net/wmts/1.0", "ows": "http://www.opengis.net/ows/1.1"}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    cube = Cube.create(tmp_path_factory.mktemp("layers") / "cube")
    publish(cube, patches())
    with TestClient(create_app(cube)) as client:
        yield client


def test_a_legend_tells_each_colour_of_the_tiles(client):
    cube = client.get("/cube").json()
    found = client.get("/legend.json").json()
    assert (found["layer"], found["kind"]) == ("landcover", "classes")
    assert [(row["value"], row["label"], row["color"]) for row in found["rows"]] == [
        (row["value"], row["name"], row["color"]) for row in cube["classes"]
    ]
    safe = client.get("/legend.json", params={"palette": "safe", "hide": "30"}).json()["rows"]
    assert [(row["value"], row["color"]) for row in safe] == [
        (row["value"], row["safe_color"]) for row in cube["classes"] if row["value"] != 30
    ]
    assert [row["label"] for row in client.get("/legend.json?layer=refined").json()["rows"]] == [
        "class confirmed",
        "class changed",
    ]
    assert client.get("/legend.json?layer=confidence").json()["rows"][-1]["label"] == "100 %"
    assert "no layer 'paint'" in client.get("/legend.json?layer=paint").json()["error"]


def test_a_mosaic_of_one_band_is_grey(client):
    cube = client.get("/cube").json()
    assert "mosaic" in cube["layers"]
    assert "false-color" not in cube["layers"]
    legend = client.get("/legend.json?layer=mosaic").json()
    assert (legend["kind"], legend["title"]) == ("bands", "red as grey")
    west, south, east, north = cube["bounds"]
    tile = tile_at(14, (west + east) / 2, (south + north) / 2)
    grey_HW4, class_HW4 = (
        np.asarray(Image.open(BytesIO(client.get(f"/tiles/{layer}/14/{tile.x}/{tile.y}.png").content)).convert("RGBA"))
        for layer in ("mosaic", "landcover")
    )
    assert (grey_HW4[..., :1] == grey_HW4[..., :3]).all()
    assert (grey_HW4[..., 3] == class_HW4[..., 3]).all()
    assert len(np.unique(grey_HW4[grey_HW4[..., 3] > 0][:, 0])) == len(cube["classes"])


def test_a_layer_has_a_tile_of_the_map_at_each_zoom_that_it_names(client):
    west, south, east, north = client.get("/cube").json()["bounds"]
    for layer in ("landcover", "coarse", "mosaic"):
        named = client.get(f"/tiles/{layer}/tile.json").json()
        for zoom in range(named["minzoom"], named["maxzoom"] + 1):
            tile = tile_at(zoom, (west + east) / 2, (south + north) / 2)
            answer = client.get(f"/tiles/{layer}/{zoom}/{tile.x}/{tile.y}.png")
            assert answer.headers["content-type"] == "image/png", (layer, zoom)


def test_the_picture_of_a_legend_has_its_labels_and_colours(client):
    answer = client.get("/legend.svg")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    root = ElementTree.fromstring(answer.text)
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["Land cover", *(row["label"] for row in client.get("/legend.json").json()["rows"])]


def test_capabilities_name_layers_whose_addresses_lead_to_tiles(client):
    answer = client.get("/wmts?service=WMTS&request=GetCapabilities")
    assert answer.headers["content-type"] == "application/xml"
    root = ElementTree.fromstring(answer.text)
    layers = root.findall("w:Contents/w:Layer", NS)
    assert [layer.find("ows:Identifier", NS).text for layer in layers] == [
        name for name in client.get("/cube").json()["layers"] if name != "difference"
    ]
    for layer in layers:
        template = layer.find("w:ResourceURL", NS).get("template")
        limit = layer.findall(".//w:TileMatrixLimits", NS)[-1]
        at = {
            "{TileMatrix}": limit.find("w:TileMatrix", NS).text,
            "{TileCol}": limit.find("w:MinTileCol", NS).text,
            "{TileRow}": limit.find("w:MinTileRow", NS).text,
            "{Time}": layer.find("w:Dimension/w:Default", NS).text,
        }
        for name, value in at.items():
            template = template.replace(name, value)
        assert client.get(template).headers["content-type"] == "image/png", template
        legend = layer.find("w:Style/w:LegendURL", NS).get("{http://www.w3.org/1999/xlink}href")
        assert client.get(legend).status_code == 200


def test_gdal_opens_the_capabilities_and_finds_the_map_where_it_is(client, tmp_path):
    with rasterio.Env() as env:
        if "WMTS" not in env.drivers():
            pytest.skip("this GDAL has no driver for WMTS")
    file = tmp_path / "wmts.xml"
    file.write_text(client.get("/wmts").text)
    with rasterio.open(f"WMTS:{file},layer=landcover") as source:
        assert source.crs.to_epsg() == 3857
        found = transform_bounds(source.crs, "EPSG:4326", *source.bounds)
    wanted = client.get("/cube").json()["bounds"]
    assert found == pytest.approx(wanted, abs=0.01)


def test_a_cube_in_object_storage_is_served_as_one_in_a_folder(monkeypatch):
    with serving_s3() as storage:
        for name, value in storage.environment.items():
            monkeypatch.setenv(name, value)
        cube = Cube.create(f"{storage.bucket('served')}/cube")
        version = publish(cube, patches())
        with TestClient(create_app(Cube.open(cube.location))) as client:
            west, south, east, north = client.get("/cube").json()["bounds"]
            tile = tile_at(12, (west + east) / 2, (south + north) / 2)
            picture = client.get(f"/tiles/landcover/12/{tile.x}/{tile.y}.png")
            assert picture.headers["content-type"] == "image/png"
            assert version in picture.headers["etag"]
            found = client.get("/point", params={"lon": (west + east) / 2, "lat": (south + north) / 2}).json()
            assert found["version"] == version
            area = client.get("/areas", params={"bbox": f"{west},{south},{east},{north}"}).json()
            assert sum(row["km2"] for row in area["classes"]) == pytest.approx((patches() > 0).sum() * 1e-4)

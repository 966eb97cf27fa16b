"""A pyramid in OpenLayers' GeoZarr source, and the capabilities of the service, in headless Chromium."""

import json
import subprocess
from contextlib import contextmanager
from urllib.parse import quote

import numpy as np
import pytest
from chromium import BROWSER, needs, package
from fastapi.testclient import TestClient
from file_server import serving
from made_maps import patches, publish
from made_versions import with_levels
from plain_copy import plain_copy

from pipeline.cube.cube import Cube
from pipeline.cube.store import array
from pipeline.serve.app import create_app
from pipeline.serve.mercator import HALF, tile_at

ESBUILD = package("esbuild/bin/esbuild")

pytestmark = needs(OpenLayers=ESBUILD)


@contextmanager
def chromium(url, profile):
    flags = ("--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
    command = ["chromium", *flags, "--remote-debugging-port=0", f"--user-data-dir={profile}", url]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def bundle(script, folder, body=""):
    """A page in a folder that runs a script of this one."""
    made = folder / "page.js"
    subprocess.run(
        ["node", ESBUILD, BROWSER / script, "--bundle", "--log-level=error", f"--outfile={made}"], check=True
    )
    (folder / "index.html").write_text(f'<!doctype html>{body}<script src="page.js"></script>')


def seen_by(script, folder, question, profile, body=""):
    """What a script posts of a question in the hash of its page's URL; and the server's parts."""
    bundle(script, folder, body)
    with serving(folder) as server:
        url = f"http://127.0.0.1:{server.server_port}/index.html#{quote(json.dumps(question))}"
        with chromium(url, profile):
            seen = server.posted.get(timeout=120)
    assert "error" not in seen, seen
    return seen, server.parts


def test_openlayers_shows_classes_and_confidence_of_every_level(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    noise_HW = np.random.default_rng(8).choice(np.array([0, 10, 30, 80], np.uint8), (64, 96)).repeat(8, 0).repeat(8, 1)
    version = with_levels(cube, noise_HW)
    plain_copy(cube, version, tmp_path / "www" / "cube.zarr")
    points = [(10, 3005, -2005), (20, 3005, -2005), (10, 6005, -5005), (20, 1245, -4205)]
    body = '<div id="map" style="width:256px;height:256px"></div>'
    seen, parts = seen_by("page.js", tmp_path / "www", points, tmp_path / "profile", body)
    assert (seen["crs"], seen["extent"], seen["resolutions"]) == ("EPSG:3035", [0, -5120, 7680, 0], [20, 10])
    group = cube.group(snapshot=version)
    for (resolution, x, y), pixel in zip(points, seen["pixels"], strict=True):
        level, (row, column) = resolution // 20, (int(-y / resolution), int(x / resolution))
        code, percent = (
            int(np.asarray(array(group, name, level)[0, row, column])) for name in ("landcover", "confidence")
        )
        assert pixel[:2] == [code, percent]
        assert bool(pixel[2]) == (code > 0)
    assert any("/1/landcover/" in path for path in parts)


def test_openlayers_reads_the_capabilities_of_the_service(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    publish(cube, patches())
    www = tmp_path / "www"
    www.mkdir()
    with TestClient(create_app(cube)) as client:
        (www / "wmts.xml").write_text(client.get("/wmts").text)
        west, south, east, north = client.get("/cube").json()["bounds"]
        tile = tile_at(12, (west + east) / 2, (south + north) / 2)
        seen, _ = seen_by("wmts.js", www, [12, tile.x, tile.y], tmp_path / "profile")
        assert (seen["crs"], seen["layers"][:2]) == ("EPSG:3857", ["landcover", "coarse"])
        assert seen["origin"] == pytest.approx([-HALF, HALF])
        assert seen["resolution"] == pytest.approx(2 * HALF / 256)
        assert f"/tiles/landcover/12/{tile.x}/{tile.y}.png" in seen["url"]
        assert client.get(seen["url"]).headers["content-type"] == "image/png"

from dataclasses import replace

import made_maps
import made_versions
import pytest
from fastapi.testclient import TestClient

from pipeline.cube.cube import Cube
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window
from pipeline.serve.app import create_app
from pipeline.serve.single_page import export_page

FIJI = Extent(Grid("EPSG:32701", 10, 256), Window(-812_032, 17_920, -811_520, 18_620))
"""Across the antimeridian."""


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    cube = Cube.create(tmp_path_factory.mktemp("fiji") / "cube")
    with pytest.MonkeyPatch.context() as patch:
        for module in (made_versions, made_maps):
            patch.setattr(module, "LAYOUT", replace(made_versions.LAYOUT, extent=FIJI))
        made_maps.publish(cube, made_maps.patches())
    return cube


@pytest.fixture(scope="module")
def client(cube):
    with TestClient(create_app(cube)) as client:
        yield client


def test_a_map_across_the_antimeridian_is_summed_however_its_box_is_written(client):
    west, south, east, north = client.get("/cube").json()["bounds"]
    assert west > 0 > east
    whole = client.get("/areas", params={"bbox": f"{west},{south},{east},{north}"}).json()
    assert whole["km2"] == pytest.approx((made_maps.patches() > 0).sum() / 1e4, rel=1e-2)
    for turn in (0, -360):
        sides = west + turn, east + 360 + turn
        ring = [[sides[0], south], [sides[1], south], [sides[1], north], [sides[0], north], [sides[0], south]]
        drawn = client.post("/areas", json={"type": "Polygon", "coordinates": [ring]}).json()
        assert drawn["km2"] == pytest.approx(whole["km2"])


def test_a_page_of_a_map_across_the_antimeridian_is_written(cube, tmp_path):
    assert export_page(cube, tmp_path / "map.html", names=["coarse"]).path.exists()


@pytest.mark.parametrize("bbox", ["-170,-60,170,60", "-10,-30,40,30"])
def test_a_box_that_reaches_far_round_the_globe_but_not_to_the_map_is_told_so(client, bbox):
    answer = client.get("/areas", params={"bbox": bbox})
    assert answer.status_code == 400
    assert "touches the cube's region" in answer.json()["error"]


@pytest.mark.parametrize(("bbox", "share"), [("0,-60,180,60", 0.195), ("-180,-90,180,90", 1)])
def test_a_box_that_ends_at_the_antimeridian_holds_the_map_up_to_it(client, bbox, share):
    west, south, east, north = client.get("/cube").json()["bounds"]
    whole = client.get("/areas", params={"bbox": f"{west},{south},{east},{north}"}).json()
    part = client.get("/areas", params={"bbox": bbox}).json()
    assert part["km2"] / whole["km2"] == pytest.approx(share, abs=0.005)

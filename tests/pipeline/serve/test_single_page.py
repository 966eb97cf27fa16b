import base64
import json
import re
import zlib
from io import BytesIO

import numpy as np
import pytest
from command import run_here
from fastapi.testclient import TestClient
from made_maps import patches, publish
from PIL import Image

from pipeline.cube.cube import Cube
from pipeline.errors import UserError
from pipeline.serve import single_page
from pipeline.serve.app import create_app
from pipeline.serve.single_page import export_page


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    cube = Cube.create(tmp_path_factory.mktemp("page") / "cube")
    publish(cube, patches())
    return cube


@pytest.fixture(scope="module")
def page(cube, tmp_path_factory):
    file = tmp_path_factory.mktemp("made") / "map.html"
    export_page(cube, file)
    return file.read_text()


def kept(page):
    return json.loads(re.search(r'id="kept">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_needs_no_other_file_and_may_load_none(page):
    outside_scripts = re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.DOTALL)
    assert not re.search(r"(src|href)=\"(?!data:)", outside_scripts)
    assert not re.search(r"<script[^>]* src=", page)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert "default-src 'none'" in policy
    assert not re.search(r"https?:|\*|'self'", policy)


def test_its_tiles_have_the_colours_of_the_served_ones(cube, page):
    content = kept(page)
    table = np.zeros((256, 4), np.uint8)
    for row in content["cube"]["classes"]:
        table[row["value"]] = [*bytes.fromhex(row["color"][1:]), 255]
    (tiles,) = content["tiles"]["landcover"].values()
    assert {int(at.split("/")[0]) for at in tiles} == set(range(content["zooms"][0], content["zooms"][1] + 1))
    deepest = [at for at in tiles if at.startswith(f"{content['zooms'][1]}/")]
    with TestClient(create_app(cube)) as client:
        for at in (deepest[0], deepest[-1], next(reversed(tiles))):
            code_HW = np.frombuffer(zlib.decompress(base64.b64decode(tiles[at])), np.uint8).reshape(256, 256)
            answer = client.get(f"/tiles/landcover/{at}.png").content
            served_HW4 = np.asarray(Image.open(BytesIO(answer)).convert("RGBA"))
            assert np.array_equal(table[code_HW][..., 3], served_HW4[..., 3])
            assert np.array_equal(table[code_HW][code_HW > 0], served_HW4[code_HW > 0])


def test_it_tells_version_period_run_and_the_areas_that_the_server_tells(cube, page):
    content = kept(page)
    west, south, east, north = content["cube"]["bounds"]
    with TestClient(create_app(cube)) as client:
        served = client.get(f"/areas?bbox={west},{south},{east},{north}").json()
    assert content["areas"] == {"2024-05-01": served}
    assert content["cube"]["versions"][0]["id"] == content["cube"]["version"] == served["version"]
    assert content["cube"]["period_bounds"] == [["2024-05-01", "2024-08-31"]]
    assert "mapped by idgbr" in content["cube"]["attribution"]


def test_a_bbox_shows_that_part_only(cube, page, tmp_path):
    west, south, east, north = kept(page)["cube"]["bounds"]
    middle = (west + east) / 2
    export_page(cube, tmp_path / "part.html", (west, south, middle, north), ["coarse"])
    part = kept((tmp_path / "part.html").read_text())
    assert part["cube"]["bounds"] == [west, south, middle, north]
    assert part["cube"]["layers"] == ["landcover", "coarse"]
    assert 0 < part["areas"]["2024-05-01"]["km2"] < 0.7 * kept(page)["areas"]["2024-05-01"]["km2"]
    with pytest.raises(UserError, match="--bbox lies outside the region, whose bounds are"):
        export_page(cube, tmp_path / "none.html", (100, 10, 101, 11))


def test_a_region_that_is_too_large_is_refused_in_one_sentence(cube, tmp_path, monkeypatch):
    monkeypatch.setattr(single_page, "MOST", 5)
    with pytest.raises(UserError, match=r"hold \d+ tiles, .* at most 5 .* --bbox, .* 'idgbr serve "):
        export_page(cube, tmp_path / "map.html")
    assert not list(tmp_path.iterdir())


def test_text_of_a_cube_cannot_end_the_script_that_holds_it():
    page = single_page.page_with({"cube": {"name": "</script><script>alert(1)</script>"}})
    assert kept(page)["cube"]["name"] == "</script><script>alert(1)</script>"
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--html", "map.html", "--bbox", "1,2,3"), "--bbox is '1,2,3'; give W,S,E,N in degrees"),
        (("--html", "map.html", "--bbox", "3,0,1,2"), "west less than east"),
        (("--html", "map.png"), "map.png ends in .png"),
        (("--html", "map.html", "--array", "sea"), "a page has no array 'sea'"),
        (("--cog", "map.tif", "--bbox", "1,2,3,4"), "--bbox cuts what --html shows"),
    ],
)
def test_the_verb_refuses_what_it_cannot_show(cube, tmp_path, arguments, told):
    done = run_here("export", cube.location, *arguments, folder=tmp_path)
    assert done.returncode in (1, 2)
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_the_verb_tells_in_a_line_what_it_wrote(cube, tmp_path):
    done = run_here("export", cube.location, "--html", "map.html", "--period", "2024-05-01", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("html: landcover, coarse, confidence, refined, mosaic of 2024-05-01, version ")

"""The service of a region's cube over HTTP: tiles, points and errors.

Also `area_routes.py`, `server.py`, `maps.py`, `chunks.py`, `describe.py`, `colours.py`, `image.py`, `tiles.py`,
`tile_routes.py` and `query_routes.py`.
"""

from io import BytesIO

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.warp import Resampling, reproject

from pipeline.cube.cube import Cube
from pipeline.cube.open import open_cube
from pipeline.errors import UserError
from pipeline.serve.app import create_app
from pipeline.serve.mercator import HALF, SIDE

ZOOM = 14


@pytest.fixture(scope="module")
def client(undisturbed):
    with TestClient(create_app(Cube.open(undisturbed[0].cube))) as client:
        yield client


@pytest.fixture(scope="module")
def cube(client):
    return client.get("/cube").json()


@pytest.fixture(scope="module")
def middle(cube):
    """The tile in the middle of the map."""
    west, south, east, north = cube["bounds"]
    x = ((west + east) / 2 + 180) / 360 * 2**ZOOM
    y = (1 - np.arcsinh(np.tan(np.radians((south + north) / 2))) / np.pi) / 2 * 2**ZOOM
    return f"{ZOOM}/{int(x)}/{int(y)}.png"


def pixels(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return np.asarray(Image.open(BytesIO(answer.content)).convert("RGBA"))


def test_the_cube_is_described(cube, undisturbed):
    assert cube["crs"] == "EPSG:3035"
    assert cube["newest"] == cube["versions"][0]["id"] == undisturbed[1].version
    assert cube["periods"] == ["2024-05-01"]
    assert {"landcover", "coarse", "confidence", "refined", "mosaic", "difference"} <= set(cube["layers"])


def test_a_tile_shows_the_class_that_gdal_finds_under_each_pixel(client, cube, middle, undisturbed):
    shown = open_cube(undisturbed[0].cube)
    _, x, y = (int(part) for part in middle.removesuffix(".png").split("/"))
    width = 2 * HALF / 2**ZOOM
    wanted_HW = np.zeros((SIDE, SIDE), np.uint8)
    reproject(
        shown.landcover.values[0],
        wanted_HW,
        src_transform=from_origin(float(shown.x[0]) - 5, float(shown.y[0]) + 5, 10, 10),
        src_crs=CRS.from_string(cube["crs"]),
        dst_transform=from_origin(x * width - HALF, HALF - y * width, width / SIDE, width / SIDE),
        dst_crs=CRS.from_epsg(3857),
        resampling=Resampling.nearest,
        tolerance=0,
    )
    assert len(np.unique(wanted_HW)) > 3
    colour = np.zeros((256, 4), np.uint8)
    for row in cube["classes"]:
        colour[row["value"]] = (*(int(row["color"][at : at + 2], 16) for at in (1, 3, 5)), 255)
    found_HW4 = pixels(client.get(f"/tiles/landcover/{middle}"))
    same_HW = (found_HW4 == colour[wanted_HW]).all(-1)
    assert same_HW.mean() > 0.999, "only pixels on an edge may differ, by rounding"


def test_hidden_classes_are_transparent_and_the_safe_palette_has_other_colours(client, cube, middle):
    plain_HW4 = pixels(client.get(f"/tiles/landcover/{middle}"))
    code = cube["classes"][2]["value"]
    rgb = [int(cube["classes"][2]["color"][at : at + 2], 16) for at in (1, 3, 5)]
    of_class_HW = (plain_HW4[..., :3] == rgb).all(-1) & (plain_HW4[..., 3] > 0)
    assert of_class_HW.any()
    hidden_HW4 = pixels(client.get(f"/tiles/landcover/{middle}", params={"hide": str(code)}))
    assert not hidden_HW4[of_class_HW][:, 3].any()
    assert (hidden_HW4[~of_class_HW] == plain_HW4[~of_class_HW]).all()
    safe_HW4 = pixels(client.get(f"/tiles/landcover/{middle}", params={"palette": "safe"}))
    assert (safe_HW4[..., 3] == plain_HW4[..., 3]).all()
    assert (safe_HW4 != plain_HW4).any()


@pytest.mark.parametrize("layer", ["coarse", "confidence", "refined", "mosaic", "false-color"])
def test_every_layer_has_a_picture(client, middle, layer):
    assert pixels(client.get(f"/tiles/{layer}/{middle}"))[..., 3].any()


def test_the_widest_stretch_is_grey(client, middle):
    rgba_HW4 = pixels(client.get(f"/tiles/mosaic/{middle}", params={"stretch": "-1e30,1e30"}))
    assert set(np.unique(rgba_HW4[rgba_HW4[..., 3] > 0][:, :3])) == {round(255 * 0.5**0.8)}


def test_a_map_does_not_differ_from_itself(client, cube, middle):
    same = pixels(client.get(f"/tiles/difference/{middle}", params={"from_version": cube["newest"]}))
    assert not same[..., 3].any()


def test_a_tile_is_not_sent_twice_and_of_a_named_version_never_grows_old(client, cube, middle):
    first = client.get(f"/tiles/landcover/{middle}")
    assert first.headers["Cache-Control"] == "public, no-cache"
    again = client.get(f"/tiles/landcover/{middle}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    named = client.get(f"/tiles/landcover/{middle}", params={"version": cube["newest"]})
    assert "immutable" in named.headers["Cache-Control"]


def test_a_point_tells_class_confidence_and_scenes(client, cube):
    west, south, east, north = cube["bounds"]
    found = client.get("/point", params={"lon": (west + east) / 2, "lat": (south + north) / 2}).json()
    (period,) = found["periods"]
    assert period["landcover"] in {row["value"] for row in cube["classes"]}
    assert found["version"] == cube["newest"]


def test_a_layer_tells_its_zooms_and_the_address_of_its_tiles(client, cube):
    found = client.get("/tiles/landcover/tile.json").json()
    assert (found["tilejson"], found["minzoom"], found["bounds"]) == ("3.0.0", 0, cube["bounds"])
    assert pixels(client.get(found["tiles"][0].format(z=0, x=0, y=0))).shape == (SIDE, SIDE, 4)


def test_areas_of_a_box_are_those_of_its_pixels(client, cube, undisturbed):
    west, south, east, north = cube["bounds"]
    whole = client.get("/areas", params={"bbox": f"{west},{south},{east},{north}"}).json()
    codes, counts = np.unique(open_cube(undisturbed[0].cube).landcover.values, return_counts=True)
    wanted = {int(code): count * 1e-4 for code, count in zip(codes, counts, strict=True) if code}
    found = {row["value"]: row["km2"] for row in whole["classes"] if row["km2"]}
    assert found == pytest.approx(wanted)
    assert sum(row["share"] for row in whole["classes"]) == pytest.approx(1)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    drawn = client.post("/areas", json={"type": "Polygon", "coordinates": [ring]}).json()
    assert drawn == whole


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("{", 400, "no JSON"),
        ("[" * 100_000, 400, "no JSON"),
        ('{"type": "Point", "coordinates": [12, 48]}', 400, "Polygon or MultiPolygon"),
        ('{"type": "Polygon", "coordinates": 7}', 400, "no polygon"),
        ('{"type": "Polygon", "coordinates": [[[NaN, 48], [12, 48], [12, 49], [NaN, 48]]]}', 400, "no polygon"),
        ('{"type": "Polygon", "coordinates": [[[500, 48], [12, 48], [12, 49], [500, 48]]]}', 400, "within +-180"),
        ('{"type": "Polygon", "coordinates": []}', 400, "is not empty"),
        ('{"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}', 400, "not valid"),
        ('{"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}', 400, "touches the cube's region"),
        ('{"type": "Polygon", "coordinates": [[' + "[1.5, 2.5], " * 25_000 + "[1.5, 2.5]]]}", 400, "more than 20,000"),
        (
            '{"type": "Polygon", "coordinates": [[' + "[1.5, 2.5], " * 1_000_000 + "[1.5, 2.5]]]}",
            413,
            "the body is above",
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_area_that_is_none_is_told_in_one_sentence(client, body, status, words):
    answer = client.post("/areas", content=body)
    assert answer.status_code == status
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/tiles/paint/3/1/1.png", 400, "no layer 'paint'; give one of landcover"),
        ("/tiles/landcover/3/9/1.png", 400, "from 0 to 7 at zoom 3"),
        ("/tiles/landcover/99/1/1.png", 422, "z:"),
        ("/tiles/landcover/3/1/1.png?version=nothing", 400, "no version 'nothing'"),
        ("/tiles/landcover/3/1/1.png?version=run-1", 400, "no version 'run-1'"),
        ("/tiles/landcover/3/1/1.png?period=1999", 400, "first day of one of the map's: 2024-05-01"),
        ("/tiles/landcover/3/1/1.png?hide=a", 400, "give codes of classes"),
        ("/tiles/landcover/3/1/1.png?palette=neon", 422, "palette:"),
        ("/tiles/mosaic/14/1/1.png?stretch=1,nan", 400, "two values that rise"),
        ("/tiles/mosaic/14/1/1.png?stretch=1e20,1e20", 400, "two values that rise"),
        ("/tiles/mosaic/14/1/1.png?stretch=-1e308,1e308", 400, "within +-1e+30"),
        ("/tiles/difference/3/1/1.png", 400, "compares two maps"),
        ("/tiles/paint/tile.json", 400, "no layer 'paint'"),
        ("/areas?bbox=1,2,3", 400, "west,south,east,north"),
        ("/areas?bbox=nan,2,3,4", 400, "four finite numbers"),
        ("/areas?bbox=-181,2,3,4", 400, "within +-180"),
        ("/point?lon=nan&lat=3", 422, "lon:"),
        ("/point?lon=200&lat=3", 422, "lon:"),
        ("/point?lon=1e999&lat=3", 422, "lon:"),
        ("/../../etc/passwd", 404, "Not Found"),
        ("/%2e%2e/%2e%2e/app.py", 404, "Not Found"),
        ("/nowhere", 404, "Not Found"),
    ],
)
def test_a_wrong_request_is_told_in_one_sentence(client, path, status, words):
    answer = client.get(path)
    assert answer.status_code == status
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/cube",
        "/wmts",
        "/legend.svg",
        "/openapi.json",
        "/tiles/landcover/0/0/0.png",
        "/point?lon=500&lat=3",
        "/areas?bbox=1,2,3",
        "/nowhere",
    ],
)
def test_head_tells_what_get_tells_but_the_body(client, path):
    told, whole = client.head(path), client.get(path)
    assert (told.status_code, told.headers, told.content) == (whole.status_code, whole.headers, b"")


@pytest.mark.parametrize(("asked", "status"), [("bytes=abc", 400), ("pages=1-2", 400), ("bytes=9999999999-", 416)])
def test_a_range_that_a_file_of_the_page_lacks_is_told_in_one_sentence(client, asked, status):
    answer = client.get("/assets/page.css", headers={"Range": asked})
    assert answer.status_code == status
    assert f"Range is '{asked}'; give bytes" in answer.json()["error"]
    size = len(client.get("/assets/page.css").content)
    assert answer.headers.get("content-range") == (f"bytes */{size}" if status == 416 else None)
    assert client.get("/assets/page.css", headers={"Range": "bytes=0-9"}).status_code == 206


def test_a_defect_of_the_service_is_told_in_one_sentence(undisturbed, monkeypatch):
    monkeypatch.setattr("pipeline.serve.query_routes.describe", lambda *_: 1 / 0)
    with TestClient(create_app(Cube.open(undisturbed[0].cube)), raise_server_exceptions=False) as client:
        answer = client.get("/cube")
    assert (answer.status_code, list(answer.json())) == (500, ["error"])
    assert "its log has the traceback" in answer.json()["error"]


def test_nothing_can_be_written(client):
    assert client.post("/cube").status_code == 405
    assert client.delete("/tiles/landcover/3/1/1.png").status_code == 405


def test_other_hosts_are_not_asked(client):
    assert "default-src 'self'" in client.get("/").headers["Content-Security-Policy"]
    assert "http" not in client.get("/").text
    for name in ("page.js", "page.css", "maplibre-gl-worker.mjs"):
        assert client.get(f"/assets/{name}").status_code == 200


def test_other_sites_may_read_only_where_the_server_was_told_so(undisturbed):
    opened = Cube.open(undisturbed[0].cube)
    asked = {"Origin": "https://maps.example"}
    for origins, allowed in (((), None), (("https://maps.example",), "https://maps.example")):
        with TestClient(create_app(opened, origins)) as client:
            assert client.get("/cube", headers=asked).headers.get("access-control-allow-origin") == allowed
    with pytest.raises(UserError, match=r"--cors is 'https://maps.example/'"):
        create_app(opened, ["https://maps.example/"])

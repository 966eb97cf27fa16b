"""The page of `idgbr export --zarr --page` in Chromium, beside its export and at another host (`static.js`)."""

import json
import shutil
from contextlib import ExitStack
from dataclasses import replace

import made_versions
import numpy as np
import pytest
from chromium import needs, package, walked
from command import run_here
from file_server import serving
from made_versions import SUMMER, with_levels
from PIL import Image
from pyproj import Transformer

from pipeline.analysis.colours import rgb
from pipeline.cube.cube import Cube
from pipeline.cube.store import array

pytestmark = needs(playwright=package("playwright-core"))

GROUND = "#ffffff"
COLOURS = {0: GROUND, 10: "#0a7d2c", 30: "#c8e04b", 80: "#0064c8"}
VIEWS = (3560, -2560, 10), (3600, -2560, 20)
"""Middles, in metres of the grid, and metres a pixel: those of the first two levels."""


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    """Two periods of noise, each pixel by itself."""
    with pytest.MonkeyPatch.context() as patch:
        classes = tuple({**row, "color": COLOURS[row["code"]]} for row in made_versions.CLASSES)
        patch.setattr(made_versions, "LAYOUT", replace(made_versions.LAYOUT, classes=classes))
        cube, chance = Cube.create(tmp_path_factory.mktemp("static") / "cube"), np.random.default_rng(8)
        for year, run in ((2025, "a"), (2024, "b")):
            noise_HW = chance.choice(np.array([0, 10, 30, 80], np.uint8), (512, 768))
            with_levels(cube, noise_HW, tuple(day.replace(year=year) for day in SUMMER), run)
    return cube


@pytest.fixture(scope="module")
def seen(cube, tmp_path_factory):
    folder = tmp_path_factory.mktemp("www")
    done = run_here("export", cube.location, "--zarr", folder / "map.zarr", "--page")
    assert done.returncode == 0, done.stderr
    (folder / "elsewhere").mkdir()
    shutil.copy(folder / "map.zarr" / "index.html", folder / "elsewhere" / "index.html")
    with ExitStack() as stack:
        host, open_to_all, closed = (stack.enter_context(serving(folder, cors=cors)) for cors in (False, True, False))
        question = {
            "own": f"{host.address}/map.zarr/index.html",
            "elsewhere": f"{host.address}/elsewhere/index.html?map={open_to_all.address}/map.zarr",
            "forbidden": f"{host.address}/elsewhere/index.html?map={closed.address}/map.zarr",
            "views": VIEWS,
            "storage": open_to_all.address,
            "folder": str(folder),
        }
        return {**walked("static.js", json.dumps(question)), "folder": folder}


@pytest.mark.parametrize("shown", ["own", "elsewhere"])
@pytest.mark.parametrize("level", [0, 1])
def test_colours_at_pixels_are_those_of_the_cube_from_its_own_and_from_another_host(cube, seen, shown, level):
    x, y, size = VIEWS[level]
    picture_HWC = np.asarray(Image.open(seen["folder"] / f"{shown}-{level}.png").convert("RGB"))
    rows, cols = (slice(n // 2 - 100, n // 2 + 100) for n in picture_HWC.shape[:2])
    top, left = -y // size - 100, x // size - 100
    code_HW = np.asarray(array(cube.group(branch="main"), "landcover", level)[0, top : top + 200, left : left + 200])
    assert set(np.unique(code_HW)) == set(COLOURS)
    colour_HWC = np.array([rgb(COLOURS.get(code, GROUND)) for code in range(256)], np.uint8)[code_HW]
    assert (picture_HWC[rows, cols] == colour_HWC).all()


def test_the_console_is_free_of_errors_and_no_other_host_is_asked(seen):
    assert (seen["errors"], seen["outside"]) == ([], [])


def test_classes_layers_and_periods_are_chosen_and_the_link_keeps_them(seen):
    assert seen["hiding_changes_the_map"]
    assert seen["showing_restores_it"]
    assert seen["confidence_differs"]
    assert seen["periods"] == ["2024-05-01 to 2024-08-31", "2025-05-01 to 2025-08-31"]
    assert seen["period_differs"]
    assert "layer=landcover&period=2024-05-01" in seen["link"]


def test_a_click_tells_what_the_cube_has_there(cube, seen):
    x, y, size = VIEWS[0]
    group, names = cube.group(branch="main"), {row["code"]: row["name"] for row in made_versions.CLASSES}
    lon, lat = Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True).transform(x + 5, y - 5)
    told_lat, told_lon = map(float, seen["place"].splitlines()[0].split(", "))
    assert (told_lat, told_lon) == pytest.approx((lat, lon), abs=1e-4)
    codes = set()
    for time, year in enumerate((2025, 2024)):
        code, percent = (int(array(group, name)[time, -y // size, x // size]) for name in ("landcover", "confidence"))
        told = seen["place"].partition(f"{year}-05-01 to {year}-08-31\n")[2]
        assert told.startswith(f"{names[code]}, confidence {percent} %, coarse: no data, refinement: not considered")
        codes.add(code)
    assert len(codes) == 2


def test_keys_move_the_map_and_tell_its_middle(seen):
    first, beside = (tuple(map(float, seen[name].splitlines()[0].split(", "))) for name in ("place", "beside"))
    assert first != beside


def test_axe_finds_nothing_in_light_and_dark(seen):
    assert seen["axe"] == {"light": [], "dark": []}


def test_storage_that_lets_no_other_host_read_is_told_in_a_sentence(seen):
    assert "may pages of http://127.0.0.1" in seen["refused"]

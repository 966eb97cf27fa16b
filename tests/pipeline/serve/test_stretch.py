"""Tiles of a mosaic whose unit has no range of its own (`stretch.py`)."""

import shutil
from dataclasses import asdict, replace
from io import BytesIO

import numpy as np
import pytest
import zarr
from fastapi.testclient import TestClient
from PIL import Image

from catalogs.items.provider import Unit
from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.damage import Damage, DamagedChunk
from pipeline.cube.open import open_cube
from pipeline.serve import stretch
from pipeline.serve.app import create_app
from pipeline.serve.chunks import Chunks
from pipeline.serve.maps import Maps
from pipeline.serve.mercator import SIDE

ZOOM = 14
METRES = Unit("metres", 0.5, -500)


@pytest.fixture(scope="module")
def cube(undisturbed, tmp_path_factory):
    """A published map whose numbers are taken as metres."""
    folder = shutil.copytree(undisturbed[0].cube, tmp_path_factory.mktemp("metres") / "cube")
    cube = Cube.open(folder)
    base = versions.start_branch(cube, "run-metres")
    session = cube.repository.writable_session("run-metres")
    zarr.open_group(session.store).attrs["unit"] = asdict(METRES)
    session.commit("metres")
    versions.publish(cube, "run-metres", base, replace(versions.origin_of(cube, base), run="metres"))
    return Cube.open(folder)


@pytest.fixture(scope="module")
def stored(cube):
    values = open_cube(cube.location).mosaic.sel(band=["red", "green", "blue"]).values
    return values[values > 0]


def shown_map(cube):
    opened = Maps(cube).map()
    return opened, opened.period(None), [opened.layout.bands.index(band) for band in ("red", "green", "blue")]


def test_the_range_is_that_of_nearly_all_values_of_the_map(cube, stored):
    opened, period, bands = shown_map(cube)
    darkest, brightest = stretch.map_range(Chunks(2**26), opened, period, bands)
    expected = np.percentile(stored, (2, 98)) * 0.5 - 500
    width = np.ptp(expected)
    assert width > 100
    assert abs(np.array([darkest, brightest]) - expected).max() < 0.1 * width
    assert opened.ranges == {(period, tuple(bands)): (darkest, brightest)}


def test_a_tile_shows_dark_and_bright_ground(cube):
    with TestClient(create_app(cube)) as client:
        west, south, east, north = client.get("/cube").json()["bounds"]
        x = int(((west + east) / 2 + 180) / 360 * 2**ZOOM)
        y = int((1 - np.arcsinh(np.tan(np.radians((south + north) / 2))) / np.pi) / 2 * 2**ZOOM)
        answer = client.get(f"/tiles/mosaic/{ZOOM}/{x}/{y}.png")
    assert answer.status_code == 200, answer.text
    rgba_HW4 = np.asarray(Image.open(BytesIO(answer.content)).convert("RGBA"))
    grey = rgba_HW4[rgba_HW4[..., 3] > 0][:, :3]
    assert len(grey) > SIDE**2 / 4
    assert np.ptp(np.percentile(grey, (5, 95))) > 128
    assert np.isin(grey, (0, 255)).mean() < 0.2


def test_damaged_chunks_have_no_say_in_the_range(cube, monkeypatch):
    opened, period, bands = shown_map(cube)

    def damaged(self, version, source, *rest):
        raise DamagedChunk(Damage("mosaic", (0, 0, 0), "gone"), "mosaic")

    monkeypatch.setattr(Chunks, "read", damaged)
    darkest, brightest = stretch.map_range(Chunks(2**26), opened, period, bands)
    assert darkest < brightest

"""Small real rasters with traps: content of another format than the name says, rotation, NaN, no georeference."""

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from range_server import serving

from catalogs.access import Access
from pipeline.raster.level import Part
from pipeline.raster.read import inspect, read_part
from pipeline.raster.retry import ReadError

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif("IDGBR_DATA" not in os.environ, reason="IDGBR_DATA is not set: no real rasters here"),
]

READABLE = {
    "ESA_WorldCover_10m_2021_v200_N00E006_Map.tif": ("EPSG:4326", 1 / 12_000, (36_000, 36_000)),
    "S2A_29RKH_20200219_B01.tif": ("EPSG:32629", 600, (183, 183)),
    "S2A_29RKH_20200219_B11.tif": ("EPSG:32629", 200, (549, 549)),
    "S2A_29RKH_20200219_B12.tif": ("EPSG:32629", 200, (549, 549)),
    "S2A_29RKH_20200219_L2A_PVI.tif": ("EPSG:32629", 109_760 / 34, (34, 34)),
    "S2A_29RKH_20200219_SCL.tif": ("EPSG:32629", 200, (549, 549)),
    "S2_19UDP_20170729_R60m_B04.jp2": ("EPSG:32619", 900, (122, 122)),
    "rasterio_RGB.byte.tif": ("EPSG:32618", 300.0379266750948, (718, 791)),
    "rasterio_cogeo.tif": ("EPSG:3857", 0.5971642834774684, (1024, 1024)),
}
REFUSED = {"rasterio_float_nan.tif": "names no CRS|no georeference", "rasterio_rotated.tif": "names no CRS"}


@pytest.fixture(scope="module")
def folder():
    return Path(os.environ["IDGBR_DATA"]).resolve() / "io_geotiffs"


@pytest.fixture(params=["local", "remote"])
def href_of(request, folder):
    """A function from a file's name to its href, on disk or at a server."""
    if request.param == "local":
        yield lambda name: str(folder / name)
    else:
        with serving(folder) as server:
            yield lambda name: f"{server.url}/{name}"


def test_every_raster_is_spoken_of_here(folder):
    assert {path.name for path in folder.iterdir() if path.suffix in (".tif", ".jp2")} == {*READABLE, *REFUSED}


@pytest.mark.parametrize("name", READABLE)
def test_a_real_raster_lies_where_it_should_and_is_read(folder, href_of, name):
    crs, resolution, shape = READABLE[name]
    allowed = Access(allowed_paths=(str(folder),))
    raster = inspect(href_of(name), resolution, allowed)
    assert (raster.crs, raster.height, raster.width, raster.overview) == (crs, *shape, None)
    assert raster.resolution == pytest.approx(resolution)
    rows, cols = ((max(side - 700, 0), max(side - 700, 0) + min(side, 300)) for side in shape)
    with rasterio.open(folder / name) as source:
        expected = source.read(1, window=(rows, cols))
    found = read_part(href_of(name), raster, Part(rows, cols), allowed)
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)


def test_an_overview_of_a_real_cog_is_the_coarsest_that_is_fine_enough(href_of):
    raster = inspect(href_of("ESA_WorldCover_10m_2021_v200_N00E006_Map.tif"), 40.0)
    assert (raster.height, raster.width) == (9_000, 9_000)


@pytest.mark.parametrize("name", REFUSED)
def test_a_raster_that_lies_nowhere_is_refused_by_name(href_of, name):
    with pytest.raises(ReadError, match=REFUSED[name]) as told:
        inspect(href_of(name), 10.0)
    assert name in str(told.value)
    assert told.value.kind == "fatal"

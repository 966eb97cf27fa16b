"""A raster is not read without its place or its no data value because a part of its header could not be fetched."""

import logging
import struct

import numpy as np
import pytest
import rasterio
from range_server import serving

from pipeline.raster import retry
from pipeline.raster.read import inspect
from pipeline.raster.retry import ReadError

TAGS = {33550: "GeoPixelScale", 33922: "GeoTiePoints", 34735: "GeoKeyDirectory", 42113: "GDALNoDataValue"}


@pytest.fixture(params=TAGS)
def header(request, tmp_path):
    """The raster, its bytes, the same with a tag's values beyond the end, and the name of the tag."""
    path = tmp_path / "scene.tif"
    place = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 5_400_000)}
    with rasterio.open(path, "w", width=64, height=64, count=1, dtype="uint16", nodata=65535, **place) as target:
        target.write(np.ones((1, 64, 64), "uint16"))
    whole = path.read_bytes()
    (directory,) = struct.unpack_from("<I", whole, 4)
    (entries,) = struct.unpack_from("<H", whole, directory)
    places = {struct.unpack_from("<H", whole, at)[0]: at for at in range(directory + 2, directory + 12 * entries, 12)}
    broken = bytearray(whole)
    struct.pack_into("<I", broken, places[request.param] + 8, 10**6)
    path.write_bytes(broken)
    inspect.cache_clear()
    return path, whole, TAGS[request.param]


def test_a_file_whose_place_or_no_data_cannot_be_read_is_refused(header):
    path, _, tag = header
    with pytest.raises(ReadError, match=f"scene.tif cannot be read: the header's {tag} cannot be read"):
        inspect(str(path), 10.0)


def test_it_is_refused_also_where_warnings_of_rasterio_are_not_wanted(header, caplog):
    path, _, tag = header
    caplog.set_level(logging.ERROR, "rasterio")
    with pytest.raises(ReadError, match=tag):
        inspect(str(path), 10.0)
    assert not caplog.records


def test_what_rasterio_logs_is_shown_as_its_loggers_level_asks(caplog):
    log = logging.getLogger("rasterio._env")
    for level, shown in ((logging.DEBUG, 2), (logging.WARNING, 1), (logging.ERROR, 0)):
        caplog.clear()
        caplog.set_level(level, "rasterio")
        log.debug("a detail")
        log.warning("a warning")
        assert len(caplog.records) == shown


def test_a_remote_one_is_read_again(header, monkeypatch):
    path, whole, _ = header
    monkeypatch.setattr(retry.time, "sleep", lambda seconds: path.write_bytes(whole))
    with serving(path.parent) as server:
        found = inspect(f"{server.url}/scene.tif", 10.0)
    path.write_bytes(whole)
    assert found == inspect(str(path), 10.0)

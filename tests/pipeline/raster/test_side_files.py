"""side_files.py, and the limit on tiles in `gdal.py`: which files beside a raster are opened, how large tiles are."""

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from made_rasters import HERE, write
from rasterio.enums import Resampling

from catalogs.access import Access
from pipeline.raster import gdal
from pipeline.raster.level import Part
from pipeline.raster.read import inspect, read_part
from pipeline.raster.retry import ReadError

DN_HW = np.full((HERE.height, HERE.width), 2_500, np.uint16)
VRT = b"<VRTDataset rasterXSize='50' rasterYSize='60'><VRTRasterBand dataType='UInt16' band='1'/></VRTDataset>"


@pytest.fixture
def band(tmp_path):
    folder = tmp_path / "scenes"
    folder.mkdir()
    return Path(write(folder / "band.tif", DN_HW, HERE)), Access(allowed_paths=(str(folder),))


def test_overviews_and_georeference_beside_a_raster_are_used(band):
    path, access = band
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(path, "r+") as target:
        target.build_overviews([2], Resampling.average)
    assert Path(f"{path}.ovr").exists()
    assert inspect(str(path), 20.0, access).resolution == 20
    for other in ("band.txt", "band-2.tif", "band_metadata.xml"):
        path.with_name(other).write_text("other")
    assert (read_part(str(path), inspect(str(path), 10.0, access), Part((0, 9), (0, 9)), access) == 2_500).all()


@pytest.mark.parametrize("side", ["band.tif.ovr", "band.tif.msk", "band.tif.aux.xml", "BAND.tfw", "band.aux"])
def test_a_pipe_beside_a_raster_is_not_waited_for(band, side):
    path, access = band
    os.mkfifo(path.with_name(side))
    with pytest.raises(ReadError, match=f"{side}, beside band.tif, is a pipe or device"):
        inspect(str(path), 10.0, access)


@pytest.mark.parametrize("side", ["band.tif.ovr", "band.tif.msk", "band.tif.aux.xml"])
def test_a_link_to_another_folder_beside_a_raster_is_not_followed(band, tmp_path, side):
    path, access = band
    (tmp_path / "elsewhere").write_bytes(b"II*\0")
    path.with_name(side).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ReadError, match="lies outside the folders"):
        inspect(str(path), 10.0, access)


@pytest.mark.parametrize("side", ["band.tif.ovr", "band.tif.msk"])
def test_a_virtual_raster_beside_a_raster_is_not_opened(band, side):
    path, access = band
    path.with_name(side).write_bytes(VRT)
    with pytest.raises(ReadError, match="is no TIFF"):
        inspect(str(path), 20.0, access)


def test_a_side_file_of_metadata_beyond_all_measure_is_not_read(band):
    path, access = band
    with path.with_name("band.tif.aux.xml").open("wb") as sparse:
        sparse.truncate(2**33)
    with pytest.raises(ReadError, match="at most 16,777,216 are read"):
        inspect(str(path), 10.0, access)


@pytest.mark.parametrize("form", [{"blockysize": 120}, {"tiled": True, "blockxsize": 64, "blockysize": 64, "count": 9}])
def test_tiles_that_take_more_than_the_limit_are_not_decoded(tmp_path, monkeypatch, form):
    """One strip of the whole image; tiles that hold all of many bands."""
    monkeypatch.setattr(gdal, "TILE_BYTES", 64 * 64 * 2)
    path = write(tmp_path / "band.tif", DN_HW, HERE, interleave="pixel", compress="deflate", **form)
    with pytest.raises(ReadError, match="is stored in tiles of"):
        inspect(path, 10.0)
    fine = write(tmp_path / "fine.tif", DN_HW, HERE, tiled=True, blockxsize=64, blockysize=64)
    assert inspect(fine, 10.0).width == 100

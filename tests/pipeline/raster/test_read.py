"""read.py: reads of local rasters at full resolution and at overviews."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from made_rasters import HERE, write
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning

from pipeline.raster import read
from pipeline.raster.cells import mean_cells
from pipeline.raster.level import Part
from pipeline.raster.read import inspect, read_part
from pipeline.raster.retry import ReadError


@pytest.fixture
def raster(tmp_path):
    path = tmp_path / "band.tif"
    values = np.arange(256 * 256, dtype=np.uint16).reshape(256, 256)
    transform = rasterio.transform.from_origin(500_000, 5_400_000, 10, 10)
    profile = {"driver": "GTiff", "height": 256, "width": 256, "count": 1, "dtype": "uint16", "tiled": True}
    with rasterio.open(path, "w", crs="EPSG:32633", transform=transform, **profile) as target:
        target.write(values, 1)
        target.build_overviews([2, 4], Resampling.average)
    return str(path), values


def test_a_part_is_read_where_it_lies(raster):
    href, values = raster
    found = inspect(href, 10.0)
    assert (found.left, found.top, found.resolution, found.overview) == (500_000, 5_400_000, 10, None)
    assert (read_part(href, found, Part((3, 50), (100, 256))) == values[3:50, 100:256]).all()


@pytest.mark.parametrize(("asked", "resolution", "side"), [(10, 10, 256), (19, 10, 256), (20, 20, 128), (90, 40, 64)])
def test_the_coarsest_level_that_is_fine_enough_is_read(raster, asked, resolution, side):
    found = inspect(raster[0], float(asked))
    assert (found.resolution, found.height, found.width) == (resolution, side, side)
    assert read_part(raster[0], found, Part((0, side), (0, side))).shape == (side, side)


def test_a_raster_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ReadError, match=r"gone\.tif"):
        inspect(str(tmp_path / "gone.tif"), 10.0)


def test_a_file_that_points_to_other_files_is_not_opened(raster, tmp_path):
    virtual = tmp_path / "virtual.tif"
    virtual.write_text(
        f"""<VRTDataset rasterXSize="256" rasterYSize="256"><SRS>EPSG:32633</SRS>
        <GeoTransform>500000, 10, 0, 5400000, 0, -10</GeoTransform><VRTRasterBand dataType="UInt16" band="1">
        <SimpleSource><SourceFilename>{raster[0]}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>
        </VRTRasterBand></VRTDataset>"""
    )
    with rasterio.open(virtual) as source:
        assert source.driver == "VRT"
    with pytest.raises(ReadError):
        inspect(str(virtual), 10.0)


@pytest.mark.parametrize(
    ("change", "says"),
    [({"crs": None}, "names no CRS"), ({"transform": rasterio.Affine.identity()}, "no georeference")],
)
def test_a_raster_that_does_not_say_where_it_lies_is_refused(tmp_path, change, says):
    path = tmp_path / "nowhere.tif"
    where = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 2, 500_000, 2, -10, 5_400_000)} | change
    profile = {"driver": "GTiff", "height": 8, "width": 8, "count": 1, "dtype": "uint16"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **where, **profile) as target:
            target.write(np.ones((8, 8), np.uint16), 1)
    with pytest.raises(ReadError, match=says):
        inspect(str(path), 10.0)


def test_an_overview_of_sides_that_halve_unevenly_lies_where_the_raster_does(tmp_path):
    """Sides of 333 x 1000 have overviews of 167 x 500, whose pixels are not square."""
    path = tmp_path / "uneven.tif"
    profile = {"driver": "GTiff", "height": 333, "width": 1000, "count": 1, "dtype": "uint16", "nodata": 0}
    transform = rasterio.transform.from_origin(500_000, 5_400_000, 10, 10)
    with rasterio.open(path, "w", crs="EPSG:32633", transform=transform, **profile) as target:
        target.write(np.ones((333, 1000), np.uint16), 1)
        target.build_overviews([2], Resampling.average)
    found = inspect(str(path), 20.0)
    assert (found.height, found.width, found.resolution) == (167, 500, 20)
    assert found.height * found.resolution * found.tall == pytest.approx(3_330)


def jp2(path, like):
    """A lossless JPEG 2000 with resolution levels of the same pixels."""
    options = {"QUALITY": "100", "REVERSIBLE": "YES", "YCBCR420": "NO", "RESOLUTIONS": "5"}
    rasterio.shutil.copy(like, path, driver="JP2OpenJPEG", **options)
    return str(path)


@pytest.mark.parametrize(("kind", "factor"), [("tif", 4), ("jp2", 2)])
@pytest.mark.parametrize("batch", [1, 2**23])
def test_levels_that_may_mix_no_data_are_averaged_from_full_resolution(tmp_path, monkeypatch, kind, factor, batch):
    monkeypatch.setattr(read, "CELL_BATCH", batch)
    random, raster = np.random.default_rng(0), replace(HERE, height=530, width=410)
    value_HW = random.integers(1, 65_536, (530, 410)).astype(np.uint16)
    value_HW[:, :101] = 0
    value_HW[random.random(value_HW.shape) < 0.2] = 0
    href = write(tmp_path / "band.tif", value_HW, raster, tiled=True, blockxsize=128, blockysize=128)
    with rasterio.open(href, "r+") as target:
        target.build_overviews([2, 4, 8], Resampling.average)
    href = jp2(tmp_path / "band.jp2", href) if kind == "jp2" else href
    found, cell_HW = inspect(href, 10.0 * factor), mean_cells(value_HW, factor)
    height, width = cell_HW.shape
    assert (found.overview, found.factor, found.resolution) == (None, factor, 10 * factor)
    assert (found.height, found.width) == (height, width)
    assert (read_part(href, found, Part((0, height), (0, width))) == cell_HW).all()
    assert (read_part(href, found, Part((31, height), (20, 70))) == cell_HW[31:, 20:70]).all()


def test_levels_that_skip_no_data_are_read(tmp_path):
    href = write(tmp_path / "band.tif", np.ones((512, 512), np.uint16), replace(HERE, height=512, width=512), nodata=0)
    with rasterio.open(href, "r+") as target:
        target.build_overviews([2, 4], Resampling.average)
    found = inspect(href, 40.0)
    assert (found.overview, found.factor) == (1, 1)


def test_codes_are_read_at_full_resolution(raster, tmp_path):
    assert inspect(raster[0], None).resolution == 10
    assert inspect(jp2(tmp_path / "codes.jp2", raster[0]), None).resolution == 10

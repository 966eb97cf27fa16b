"""validity.py: pixels that a file alone marks as invalid are no data, at full resolution and on coarser grids."""

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from made_rasters import HERE, write
from rasterio.enums import Resampling

from pipeline.raster.level import Part
from pipeline.raster.read import inspect, read_part

OUT = slice(31, 58)
VALID_HW = np.full((HERE.height, HERE.width), 255, np.uint8)
VALID_HW[:, OUT] = 0
WHOLE = Part((0, HERE.height), (0, HERE.width))


def dataset_mask(path, dn_HW, internal, before, **tags):
    """A file with a dataset mask that is written before or after its overviews."""

    def write_mask():
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=internal), rasterio.open(path, "r+") as target:
            target.write_mask(VALID_HW)

    write(path, dn_HW, HERE, **tags)
    if before:
        write_mask()
    with rasterio.open(path, "r+") as target:
        target.build_overviews([2], Resampling.average)
    if not before:
        write_mask()


def alpha(path, dn_HW, **tags):
    write(path, dn_HW, HERE, count=2, alpha="yes", photometric="minisblack", **tags)
    with rasterio.open(path, "r+") as target:
        target.write(VALID_HW.astype(np.uint16) * 257, 2)
        target.build_overviews([2], Resampling.average)


def tag(path, dn_HW):
    write(path, np.where(VALID_HW == 0, 65_000, dn_HW), HERE, nodata=65_000)
    with rasterio.open(path, "r+") as target:
        target.build_overviews([2], Resampling.average)


KINDS = {
    "internal mask": lambda path, dn_HW: dataset_mask(path, dn_HW, internal=True, before=True),
    "internal mask without overviews": lambda path, dn_HW: dataset_mask(path, dn_HW, internal=True, before=False),
    "mask beside the file": lambda path, dn_HW: dataset_mask(path, dn_HW, internal=False, before=True),
    "mask beside the file, without overviews": lambda path, dn_HW: dataset_mask(path, dn_HW, False, before=False),
    "mask and nodata tag": lambda path, dn_HW: dataset_mask(path, dn_HW, internal=True, before=False, nodata=0),
    "alpha": alpha,
    "alpha and nodata tag": lambda path, dn_HW: alpha(path, dn_HW, nodata=0),
    "nodata tag": tag,
}


@pytest.mark.parametrize("resolution", [10.0, 20.0])
@pytest.mark.parametrize("kind", KINDS)
def test_pixels_that_the_file_marks_are_no_data(tmp_path, kind, resolution):
    path = tmp_path / "band.tif"
    KINDS[kind](path, np.full((HERE.height, HERE.width), 2_500, np.uint16))
    raster = inspect(str(path), resolution)
    part = Part((0, raster.height), (0, raster.width))
    dn_HW = read_part(str(path), raster, part)
    times = HERE.width // raster.width
    assert set(np.unique(dn_HW)) == {0, 2_500}
    assert not dn_HW[:, -(-OUT.start // times) : OUT.stop // times].any()
    assert dn_HW[:, : OUT.start // times].all()
    assert dn_HW[:, -(-OUT.stop // times) :].all()


def test_the_value_of_no_data_is_the_callers_and_codes_keep_their_meaning(tmp_path):
    code_HW = np.where(VALID_HW == 0, 0, 1).astype(np.uint8)
    href = write(tmp_path / "mask.tif", code_HW, HERE, nodata=0)
    raster = inspect(href, 10.0)
    assert set(np.unique(read_part(href, raster, WHOLE, nodata=7))) == {1, 7}
    assert set(np.unique(read_part(href, raster, WHOLE, nodata=7, codes=(0, 1)))) == {0, 1}


def test_a_value_of_no_data_that_eight_bits_cannot_hold_is_told_apart_from_all_that_they_can(tmp_path):
    path = tmp_path / "a.tif"
    dataset_mask(path, np.full(VALID_HW.shape, 255, np.uint8), internal=True, before=True)
    code_HW = read_part(str(path), inspect(str(path), None), WHOLE, nodata=256)
    assert (code_HW == np.where(VALID_HW == 0, 256, 255)).all()


def test_the_mask_of_a_wavelet_image_counts(tmp_path):
    alpha(tmp_path / "band.tif", np.full((HERE.height, HERE.width), 2_500, np.uint16))
    rasterio.shutil.copy(
        tmp_path / "band.tif", tmp_path / "band.jp2", driver="JP2OpenJPEG", QUALITY="100", REVERSIBLE="YES"
    )
    href = str(tmp_path / "band.jp2")
    dn_HW = read_part(href, inspect(href, 10.0), WHOLE)
    assert not dn_HW[:, OUT].any()
    assert (dn_HW[:, : OUT.start] == 2_500).all()

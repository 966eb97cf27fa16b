"""Landsat Collection 2 from items to a mosaic: another sensor is one more row of data."""

import copy

import numpy as np
import pytest
import shapely
from made_rasters import around, raster_around, write
from made_styles import STYLES

import catalogs
from pipeline.geometry.grid import LONLAT, Grid, transformer
from pipeline.mosaic.block import mosaic_block

ROLES = ("blue", "green", "red", "nir")
CLEAR, CLOUD, SHADOW, FILL = 21_824, 22_280, 23_888, 1
"""Values of QA_PIXEL that USGS LSDS-1619 lists: clear land; high confidence cloud; cloud shadow; fill."""
DN = {"blue": 8_000, "green": 9_000, "red": 10_000, "nir": 40_000}
GRID = Grid("EPSG:3035", 30.0, 256)
LON, LAT = 12.2, 48.5


def row_of(folder, row, lat, dn=DN, qa=CLEAR):
    """An item of WRS path 190 in Planetary Computer's style, its files 200 x 200 pixels around a latitude, and the
    QA band's array to be changed by `qa`."""
    item = copy.deepcopy(STYLES["Landsat on Planetary Computer"].item)
    raster = raster_around("EPSG:32633", LON, lat, 30.0, 200, 200)
    home = folder / str(row)
    home.mkdir(exist_ok=True)
    left, top = raster.left, raster.top
    edge = shapely.segmentize(shapely.box(left, top - 6_000, left + 6_000, top), 500)
    to_lonlat = transformer(raster.crs, LONLAT)
    corners = [to_lonlat.transform(*corner) for corner in shapely.get_coordinates(edge)]
    item["geometry"] = shapely.geometry.mapping(shapely.Polygon(corners))
    item["id"] = f"LC08_L2SP_190{row:03}_20230815_02_T1"
    item["properties"]["landsat:wrs_row"] = f"{row:03}"
    qa_HW = np.full((200, 200), CLEAR, np.uint16)
    qa_HW[:] = qa
    for key, asset in item["assets"].items():
        role = "nir" if key == "nir08" else key
        pixels = qa_HW if key == "qa_pixel" else np.full((200, 200), dn.get(role, 1), np.uint16)
        asset["href"] = write(home / f"{key}.tif", pixels, raster)
    return item


@pytest.fixture
def window():
    return around(GRID, LON, LAT, 120, 120)


def test_landsat_is_mapped_by_its_own_scale_offset_and_bits(tmp_path, window):
    qa_HW = np.full((200, 200), CLEAR, np.uint16)
    qa_HW[:, :90], qa_HW[:, 90:95], qa_HW[:, 95:100] = CLOUD, SHADOW, FILL
    made = mosaic_block(GRID, window, catalogs.scenes([row_of(tmp_path, 26, LAT, qa=qa_HW)], ROLES), ROLES)
    seen_HW = made.observations_HW > 0
    assert 0.4 < seen_HW.mean() < 0.6
    for band_HW, role in zip(made.mosaic_BHW, ROLES, strict=True):
        expected = int(np.floor((DN[role] * 2.75e-5 - 0.2) * 10_000 + 0.5))
        assert np.abs(band_HW[seen_HW].astype(int) - expected).max() <= 1
        assert (band_HW[~seen_HW] == 0).all()


def test_two_rows_of_one_path_are_one_pass_whose_overlap_counts_once(tmp_path, window):
    items = [row_of(tmp_path, 26, LAT + 0.005), row_of(tmp_path, 27, LAT - 0.005)]
    scenes = catalogs.scenes(items, ROLES)
    assert len(scenes) == 2
    made = mosaic_block(GRID, window, scenes, ROLES)
    assert set(np.unique(made.observations_HW)) <= {0, 1}
    assert (made.observations_HW > 0).mean() > 0.95

"""Images of the land: `scenes.py`, `view.py`, `spectra.py`, `clouds.py`, `overpass.py` (the sun) and `tiles.py`."""

import json
from datetime import UTC, date, datetime

import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Transformer
from rasterio.warp import Resampling, reproject

from catalogs.simulated import Overpass, simulate
from catalogs.simulated.classes import BARE, BUILT, CROP, GRASS, TREE, WATER
from catalogs.simulated.landscape import landscape
from catalogs.simulated.overpass import sun_position
from catalogs.simulated.scenes import conditions, expose
from catalogs.simulated.spectra import patch_reflectance
from catalogs.simulated.tiles import envelope, lay_tiles
from catalogs.simulated.view import view

SEED = 7
BOUNDS = (4_466_840, 2_820_730, 4_470_840, 2_824_730)
CLEAR = Overpass("2024-06-20", cloudiness=0.0)


@pytest.fixture(scope="module")
def tiles():
    return lay_tiles(BOUNDS)


@pytest.fixture(scope="module")
def land(tiles):
    return landscape(SEED, envelope(tiles))


@pytest.fixture(scope="module")
def south_west(land, tiles):
    return view(SEED, land, tiles[0])


def seen(land, from_view, overpass):
    return expose(SEED, from_view, conditions(SEED, land, overpass, 12.0, 48.5), BOUNDS)


def test_a_pixel_is_the_mean_of_the_patches_that_exact_projection_finds_in_it(land, south_west):
    tile = south_west.tile
    to_land = Transformer.from_crs(f"EPSG:{tile.epsg}", "EPSG:3035", always_xy=True)
    rng = np.random.default_rng(0)
    differ = 0
    for row, column in rng.integers(0, min(tile.shape), (150, 2)):
        x_S, y_S = np.meshgrid(np.arange(4) * 2.5 + 1.25, -np.arange(4) * 2.5 - 1.25)
        x_S, y_S = to_land.transform(tile.bounds[0] + 10 * column + x_S, tile.bounds[3] - 10 * row + y_S)
        patch_S = land.patch_YX[
            ((land.bounds[3] - y_S) // 2.5).astype(int), ((x_S - land.bounds[0]) // 2.5).astype(int)
        ]
        expected_P = np.bincount(patch_S.ravel(), minlength=len(land.class_of_patch)) / 16
        found_P = south_west.mix[[row * tile.shape[1] + column]].toarray().ravel()
        assert found_P.sum() == pytest.approx(1)
        differ += np.abs(found_P - expected_P).max() > 1e-6
    assert differ <= 1  # a sample within millimetres of a border may fall on its other side


def test_classes_reflect_as_sentinel_2_sees_them():
    class_P = np.repeat(np.array([TREE, GRASS, CROP, BUILT, BARE, WATER], np.uint8), 500)
    mean = patch_reflectance(SEED, class_P, date(2024, 6, 10)).reshape(6, 500, 4).mean(axis=1)
    tree, grass, crop, built, bare, water = mean
    assert 2000 < tree[3] < 3800 and tree[2] < 400
    assert grass[3] > 2500 and crop[3] > 2500
    assert water[3] < 500 < 1400 < built[3]
    assert bare[2] > bare[1] > bare[0] and bare[3] / bare[2] < 1.8
    assert built[3] / built[2] < grass[3] / grass[2]


def test_crops_ripen_and_forest_stays_green():
    class_P = np.repeat(np.array([TREE, CROP], np.uint8), 2000)
    greenness = {}
    for day in (date(2024, 5, 25), date(2024, 8, 5)):
        red_P, nir_P = patch_reflectance(SEED, class_P, day)[:, 2:].T
        greenness[day.month] = ((nir_P - red_P) / (nir_P + red_P)).reshape(2, -1)
    cereal_share = ((greenness[5][1] > 0.6) & (greenness[8][1] < 0.4)).mean()
    assert 0.35 < cereal_share < 0.75
    assert np.abs(greenness[5][0] - greenness[8][0]).mean() < 0.05


def test_classes_overlap_so_that_no_threshold_parts_grass_from_crops():
    class_P = np.repeat(np.array([GRASS, CROP], np.uint8), 3000)
    nir_P = np.median([patch_reflectance(SEED, class_P, date(2024, month, 15))[:, 3] for month in (5, 6, 7, 8)], axis=0)
    grass_P, crop_P = nir_P.reshape(2, -1)
    best = max(((grass_P > cut).mean() + (crop_P <= cut).mean()) / 2 for cut in range(1000, 5000, 50))
    assert best < 0.85


def test_old_and_new_baselines_store_the_same_light_1000_apart(land, south_west):
    old = seen(land, south_west, Overpass("2024-05-13", baseline="02.14", cloudiness=0.1)).number_BHW
    new = seen(land, south_west, Overpass("2024-05-13", baseline="05.00", cloudiness=0.1, sequence=1)).number_BHW
    above = old > 1
    assert above.mean() > 0.99
    np.testing.assert_array_equal(new[above].astype(int) - old[above], 1000)


def test_shadows_fall_away_from_the_sun_by_the_height_of_the_clouds(land, south_west):
    overpass = Overpass("2024-06-17", cloudiness=0.25)
    sky = conditions(SEED, land, overpass, 12.0, 48.5).sky
    west, south, east, north = land.bounds
    x_YX, y_YX = np.meshgrid(np.arange(west, east, 20.0), np.arange(north, south, -20.0))
    cloud_YX, shade_YX = sky.opacity(x_YX, y_YX), sky.shade(x_YX, y_YX)
    spectrum = np.fft.rfft2(shade_YX - shade_YX.mean()) * np.conj(np.fft.rfft2(cloud_YX - cloud_YX.mean()))
    match_YX = np.fft.irfft2(spectrum, s=cloud_YX.shape)
    rows, columns = (
        (peak + size // 2) % size - size // 2
        for peak, size in zip(np.unravel_index(match_YX.argmax(), match_YX.shape), match_YX.shape, strict=True)
    )
    azimuth, elevation = sun_position(overpass.start, 12.0, 48.5)
    away = sky.height / np.tan(np.radians(elevation))
    assert 20 * columns == pytest.approx(-away * np.sin(np.radians(azimuth)), abs=60)
    assert -20 * rows == pytest.approx(-away * np.cos(np.radians(azimuth)), abs=60)


def test_scl_finds_thick_cloud_and_misses_the_rim(land, south_west):
    overpass = Overpass("2024-06-17", cloudiness=0.4)
    cloudy, clear = seen(land, south_west, overpass), seen(land, south_west, CLEAR)
    flagged_HW = np.isin(cloudy.scl_HW, (8, 9))
    assert 0.5 * cloudy.cloud_share < flagged_HW.mean() < cloudy.cloud_share
    blue_HW = cloudy.number_BHW[0].reshape(*flagged_HW.shape[:1], 2, -1, 2).mean(axis=(1, 3))
    assert np.median(blue_HW[flagged_HW]) > 3 * np.median(blue_HW[~flagged_HW])
    dark_HW = cloudy.scl_HW == 3
    nir_HW, nir_clear_HW = (
        exposure.number_BHW[3].reshape(*flagged_HW.shape[:1], 2, -1, 2).mean(axis=(1, 3)) - 1000.0
        for exposure in (cloudy, clear)
    )
    assert np.median((nir_HW / nir_clear_HW)[dark_HW]) < 0.65


def test_scl_tells_water_and_vegetation_where_the_truth_has_them(land, south_west):
    scl_N = seen(land, south_west, CLEAR).scl_HW.ravel()
    code_P = land.class_of_patch
    height, width = south_west.tile.shape
    share = {code: south_west.mix @ (code_P == code).astype(np.float32) for code in (TREE, WATER)}
    pooled = {k: v.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)).ravel() for k, v in share.items()}
    assert (scl_N[pooled[TREE] > 0.99] == 4).mean() > 0.97
    assert (scl_N[pooled[WATER] > 0.99] == 6).mean() > 0.97
    assert (scl_N[pooled[WATER] < 0.01] == 6).mean() < 0.01


def test_tiles_of_two_zones_see_the_same_ground_where_they_overlap(tmp_path):
    simulate(tmp_path / "world", SEED, BOUNDS, dates=[CLEAR])
    west, east = (
        tmp_path / "world/sentinel-2-l2a" / f"S2A_{name}_20240620_0_L2A" / "B08.tif" for name in ("32UQU", "33UTP")
    )
    with rasterio.open(west) as source, rasterio.open(east) as target:
        ours_HW = target.read(1).astype(np.float32)
        theirs_HW = np.zeros_like(ours_HW)
        reproject(
            source.read(1).astype(np.float32),
            theirs_HW,
            src_transform=source.transform,
            src_crs=source.crs,
            dst_transform=target.transform,
            dst_crs=target.crs,
            resampling=Resampling.bilinear,
        )
    both_HW = theirs_HW > 0
    assert both_HW.mean() > 0.1
    assert np.corrcoef(ours_HW[both_HW], theirs_HW[both_HW])[0, 1] > 0.95


def test_a_swath_edge_leaves_a_slanting_hole_that_the_item_tells_of(tmp_path):
    world = simulate(tmp_path / "world", SEED, BOUNDS, dates=[Overpass("2024-06-27", swath_edge=0.6)])
    partly = 0
    for line in world.items.read_text().splitlines():
        item = json.loads(line)
        with rasterio.open(item["assets"]["nir"]["href"]) as source:
            valid_HW, transform = source.read(1) > 0, source.transform
            to_lonlat = Transformer.from_crs(source.crs, "EPSG:4326", always_xy=True)
        stated = item["properties"]["s2:nodata_pixel_percentage"]
        assert 100 * (~valid_HW).mean() == pytest.approx(stated, abs=1e-4)
        row_N, column_N = np.mgrid[5 : valid_HW.shape[0] : 37, 5 : valid_HW.shape[1] : 37].reshape(2, -1)
        x_N, y_N = to_lonlat.transform(transform.c + 10 * (column_N + 0.5), transform.f - 10 * (row_N + 0.5))
        footprint = shapely.geometry.shape(item["geometry"])
        agree = shapely.contains_xy(footprint, x_N, y_N) == valid_HW[row_N, column_N]
        assert agree.mean() > 0.98
        if 0 < stated < 100:
            partly += 1
            width_Y = valid_HW.sum(axis=1)
            assert width_Y[0] > width_Y[-1]
    assert partly


def test_the_sun_stands_where_real_scene_metadata_put_it():
    # Sentinel-2A, tile 33TWL, 2023-08-15: azimuth 151.83, elevation 55.76 in the product's metadata.
    azimuth, elevation = sun_position(datetime(2023, 8, 15, 9, 58, 11, tzinfo=UTC), 15.71, 45.56)
    assert azimuth == pytest.approx(151.83, abs=0.5)
    assert elevation == pytest.approx(55.76, abs=0.5)

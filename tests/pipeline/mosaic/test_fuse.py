"""fuse.py, clear.py and asset.py: one pass over a window, on made scenes whose truth is known."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import shapely
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rasters import (
    CLEAR,
    CLOUD,
    HERE,
    OVER,
    RULE,
    SQUARE,
    around,
    coarser,
    exact_coordinates,
    flat,
    raster_around,
    scene,
    write,
)
from rasterio.enums import Resampling
from scipy.ndimage import distance_transform_edt

from catalogs import MaskRule
from pipeline.geometry.footprint import project
from pipeline.geometry.grid import Grid, Window
from pipeline.mosaic import clear
from pipeline.mosaic.block import mosaic_block
from pipeline.mosaic.fuse import ViewParams, view_pass
from pipeline.mosaic.sample_cache import SampleCache
from pipeline.mosaic.view import UNSEEN
from pipeline.raster.level import Raster
from pipeline.raster.read import inspect
from pipeline.raster.resample import METHODS
from pipeline.scenes.passes import Pass

GRID = Grid("EPSG:3035", 10.0, 512)
WHOLE = around(GRID, 12.01, 48.0, 330, 400)


def looked(look, scenes):
    """One pass of these tiles, which count in this order."""
    return view_pass(look, SampleCache(look.grid, look.device), Pass(scenes[0].datetime, tuple(scenes)))


def seen(grid, window, scenes, bands=("red",), **how):
    """(value_BHW, metres to clouds HW or None) of one pass; all UNSEEN where nothing is seen."""
    found, lost = looked(ViewParams(grid, window, bands, **how), scenes)
    assert lost == {}
    if found is None:
        return np.full((len(bands), *window.shape), UNSEEN, np.int16), None
    return found.value_BHW.numpy(), None if found.cloud_HW is None else found.cloud_HW.numpy()


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    """Two overlapping tiles of one pass in two zones, with noise, clouds and holes; swir in 20 m."""
    folder = tmp_path_factory.mktemp("pass")
    names = {"32UQU": ("EPSG:32632", 12.005, 300, 260, 1), "33UTP": ("EPSG:32633", 12.02, 280, 300, 2)}
    scenes = []
    for name, (crs, lon, height, width, seed) in names.items():
        random, raster = np.random.default_rng(seed), raster_around(crs, lon, 48.0, 20.0, height // 2, width // 2)
        fine = replace(raster, resolution=10.0, height=height, width=width)
        shape = raster.height, raster.width
        red_HW = random.integers(500, 4_000, (height, width)).astype(np.uint16)
        swir_HW = random.integers(500, 4_000, shape).astype(np.uint16)
        red_HW[random.random(red_HW.shape) < 0.01] = 0
        swir_HW[random.random(shape) < 0.01] = 0
        mask_HW = np.where(random.random(shape) < 0.002, CLOUD, CLEAR).astype(np.uint8)
        mask_HW[random.random(shape) < 0.02] = 0
        hrefs = {
            role: write(folder / f"{name}-{role}.tif", pixel_HW, where)
            for role, pixel_HW, where in (("red", red_HW, fine), ("swir16", swir_HW, raster), ("mask", mask_HW, raster))
        }
        bands = {role: hrefs[role] for role in ("red", "swir16")}
        scenes.append(scene(name, bands, hrefs["mask"], raster, overpass="one", rule=replace(RULE, dilate=60.0)))
    return scenes


AREA = project(shapely.Polygon([(11.99, 47.99), (12.04, 47.992), (12.03, 48.012), (12.0, 48.01)]), GRID.crs)
LOOKS = {method: {"resampling": method, "area": AREA, "clouds": True} for method in METHODS}
whole = {}


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(LOOKS)),
    st.integers(-30, 329),
    st.integers(-30, 399),
    st.sampled_from([1, 2, 63, 64, 65, 150]),
    st.sampled_from([1, 17, 120]),
)
def test_any_window_of_a_pass_has_the_bits_of_the_whole(tiles, method, y, x, height, width):
    bands = ("red", "swir16")
    if method not in whole:
        whole[method] = seen(GRID, WHOLE, tiles, bands, **LOOKS[method])
    whole_BHW, whole_metres_HW = whole[method]
    assert 0.2 < (whole_BHW[0] != UNSEEN).mean() < 0.7
    cut = Window(WHOLE.y0 + y, WHOLE.x0 + x, WHOLE.y0 + y + height, WHOLE.x0 + x + width) & WHOLE
    if cut.empty:
        return
    here = cut.slices((WHOLE.y0, WHOLE.x0))
    value_BHW, metres_HW = seen(GRID, cut, tiles, bands, **LOOKS[method])
    assert (value_BHW == whole_BHW[:, *here]).all()
    if metres_HW is not None:
        clear_HW = value_BHW[0] != UNSEEN
        assert (metres_HW == whole_metres_HW[here])[clear_HW].all()


def test_tiles_of_a_pass_are_joined_and_the_first_counts_where_both_are_clear(tiles):
    first, second = (seen(GRID, WHOLE, [tile])[0] for tile in tiles)
    both_HW = (first[0] != UNSEEN) & (second[0] != UNSEEN)
    assert both_HW.any() and ((second[0] != UNSEEN) & ~both_HW).any()
    joined = seen(GRID, WHOLE, tiles)[0]
    assert (joined == np.where(first != UNSEEN, first, second)).all()


def test_a_pass_counts_once_and_two_passes_twice(tiles):
    one, two = tiles
    apart = replace(two, acquisition=two.acquisition.replace("/one/", "/two/"))
    joined = mosaic_block(GRID, WHOLE, tiles, ["red"])
    assert joined.observations_HW.max() == 1
    counted = mosaic_block(GRID, WHOLE, [one, apart], ["red"])
    first_HW, second_HW = (seen(GRID, WHOLE, [tile])[0][0] != UNSEEN for tile in tiles)
    assert (counted.observations_HW == first_HW.astype(int) + second_HW).all()
    assert (joined.observations_HW == (first_HW | second_HW)).all()


def test_a_pixel_without_data_in_one_band_is_unseen_in_all_whatever_their_order(tiles):
    red_first = seen(GRID, WHOLE, tiles, ("red", "swir16"))[0]
    swir_first = seen(GRID, WHOLE, tiles, ("swir16", "red"))[0]
    assert (red_first == swir_first[::-1]).all()
    assert ((red_first == UNSEEN).any(0) == (red_first == UNSEEN).all(0)).all()
    assert (red_first[0] != UNSEEN).sum() < (seen(GRID, WHOLE, tiles, ("red",))[0] != UNSEEN).sum()


@pytest.mark.parametrize("metres", [0.0, 20.0, 50.0, 60.0, 100.0])
def test_what_lies_within_the_grown_edge_of_a_cloud_is_not_seen(tmp_path, metres):
    mask_HW = np.full((60, 50), CLEAR, np.uint8)
    mask_HW[20, 30] = mask_HW[21, 30] = mask_HW[50, 3] = CLOUD
    mask_HW[5, 5] = 7
    found_BHW, _ = seen(SQUARE, OVER, [flat(tmp_path, "a", mask=mask_HW, rule=replace(RULE, dilate=metres))])
    away_HW = distance_transform_edt(mask_HW != CLOUD) * 20
    expected_HW = (mask_HW == CLEAR) & (away_HW > metres)
    assert ((found_BHW[0] != UNSEEN) == expected_HW.repeat(2, 0).repeat(2, 1)).all()


def test_a_cloud_beside_the_window_grows_into_it(tmp_path):
    mask_HW = np.full((60, 50), CLEAR, np.uint8)
    mask_HW[20, 30] = CLOUD
    scene_ = flat(tmp_path, "a", mask=mask_HW, rule=replace(RULE, dilate=60.0))
    beside = Window(OVER.y0 + 40, OVER.x0 + 64, OVER.y0 + 42, OVER.x0 + 70)
    found_BHW, _ = seen(SQUARE, beside, [scene_])
    assert (found_BHW[0, 0] == [UNSEEN, UNSEEN, UNSEEN, UNSEEN, 1_000, 1_000]).all()


def test_metres_to_the_nearest_cloud_are_told_up_to_a_kilometre(tmp_path):
    raster = replace(HERE, height=400, width=300)
    mask_HW = np.full((200, 150), CLEAR, np.uint8)
    mask_HW[10, 20:24] = CLOUD
    window = Window(OVER.y0, OVER.x0, OVER.y0 + 400, OVER.x0 + 300)
    value_BHW, metres_HW = seen(SQUARE, window, [flat(tmp_path, "a", mask=mask_HW, raster=raster)], clouds=True)
    away_HW = (distance_transform_edt(mask_HW != CLOUD) * 20).repeat(2, 0).repeat(2, 1)
    clear_HW, near_HW = value_BHW[0] != UNSEEN, away_HW <= 1_000
    assert 0.1 < near_HW.mean() < 0.9
    assert np.allclose(metres_HW[clear_HW & near_HW], away_HW[clear_HW & near_HW])
    assert (metres_HW[clear_HW & ~near_HW] >= 1_000).all()


@pytest.mark.parametrize(
    ("dn", "scale", "offset", "reflectance"),
    [
        (1_234, 0.0001, 0.0, 1_234),
        (1_234, 0.0001, -0.1, 234),
        (900, 0.0001, -0.1, 1),
        (65_534, 0.0001, 0.0, 32_766),
        (40_000, 0.0000275, -0.2, 9_000),
        (7_274, 0.0000275, -0.2, 1),
        (10_002, 0.0000275, -0.2, 751),
    ],
)
def test_values_are_reflectance_times_ten_thousand(tmp_path, dn, scale, offset, reflectance):
    found_BHW, _ = seen(SQUARE, OVER, [flat(tmp_path, "a", dn, scale=scale, offset=offset)])
    assert (found_BHW == reflectance).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_saturated_pixel_is_no_reflectance(tmp_path, method):
    red_HW = np.full((HERE.height, HERE.width), 2_000, np.uint16)
    red_HW[40:60, 30:50] = 65_535
    value_BHW, _ = seen(SQUARE, OVER, [flat(tmp_path, "a", red=red_HW)], resampling=method)
    assert set(np.unique(value_BHW)) == {2_000, UNSEEN}
    assert (value_BHW[0, 40:60, 30:50] == UNSEEN).all()


def test_ground_that_the_files_mark_as_invalid_is_not_seen(tmp_path):
    tile = flat(tmp_path, "a", red=1_000)
    for asset, cols in ((tile.bands[0], slice(10, 30)), (tile.mask, slice(30, 40))):
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(asset.href, "r+") as target:
            valid_HW = np.full(target.shape, 255, np.uint8)
            valid_HW[:, cols] = 0
            target.write_mask(valid_HW)
    value_BHW, _ = seen(SQUARE, OVER, [tile], resampling="nearest")
    expected_HW = np.full(OVER.shape, 1_000)
    expected_HW[:, 10:30] = expected_HW[:, 60:80] = UNSEEN
    assert (value_BHW[0] == expected_HW).all()


def test_a_mask_whose_nodata_tag_is_a_code_of_its_rule_is_read_by_the_rule(tmp_path):
    """Masks of clouds are often written with 0 for clear ground and 0 as nodata tag."""
    tile = flat(tmp_path, "a", red=1_000)
    path = write(tmp_path / "clouds.tif", np.zeros((60, 50), np.uint8), coarser(HERE), nodata=0)
    rule = MaskRule(clear=(0,), cloud=(1,))
    tile = replace(tile, rule=rule, mask=replace(tile.mask, href=path, nodata=float(rule.outside)))
    value_BHW, _ = seen(SQUARE, OVER, [tile])
    assert (value_BHW == 1_000).all()


@pytest.mark.parametrize("empty", ["red", "nir"])
def test_a_scene_with_a_band_of_nothing_is_told_as_lost_and_not_silently_absent(tmp_path, empty):
    tile = flat(tmp_path, "a", red=0 if empty == "red" else 1_000)
    nir = write(tmp_path / "nir.tif", np.full((60, 50), 0 if empty == "nir" else 900, np.uint16), coarser(HERE))
    tile = replace(tile, bands=(*tile.bands, replace(tile.bands[0], role="nir", href=nir)))
    view, lost = looked(ViewParams(SQUARE, OVER, ("red", "nir")), [tile])
    assert view is None
    assert f"{empty}.tif has no data at all, but by its mask the scene shows clear ground" in lost["a"]


def test_a_band_that_has_no_data_here_but_elsewhere_loses_nothing(tmp_path):
    red_HW = np.full((HERE.height, HERE.width), 1_000, np.uint16)
    red_HW[:60] = 0
    north = Window(OVER.y0, OVER.x0, OVER.y0 + 40, OVER.x1)
    assert looked(ViewParams(SQUARE, north, ("red",)), [flat(tmp_path, "a", red=red_HW)]) == (None, {})


def test_a_file_that_contradicts_its_item_about_the_offset_is_told_as_lost(tmp_path):
    tile = flat(tmp_path, "a", red=1_000)
    with rasterio.open(tile.bands[0].href, "r+") as target:
        target.scales, target.offsets = (0.0001,), (-0.1,)
    view, lost = looked(ViewParams(SQUARE, OVER, ("red",)), [tile])
    assert view is None
    assert "declares offset -0.1, but by its item it is 0" in lost["a"]


@pytest.mark.parametrize("which", ["band", "mask"])
def test_a_local_file_without_the_checksum_of_its_item_is_told_as_lost(tmp_path, which):
    tile = flat(tmp_path, "a", red=1_000)
    asset = tile.bands[0] if which == "band" else tile.mask
    asset = replace(asset, checksum="1220" + hashlib.sha256(Path(asset.href).read_bytes()).hexdigest())
    tile = replace(tile, bands=(asset,)) if which == "band" else replace(tile, mask=asset)
    assert looked(ViewParams(SQUARE, OVER, ("red",)), [tile])[1] == {}
    inspect.cache_clear()
    damaged = bytearray(Path(asset.href).read_bytes())
    damaged[-1] ^= 1
    Path(asset.href).write_bytes(damaged)
    view, lost = looked(ViewParams(SQUARE, OVER, ("red",)), [tile])
    assert view is None
    assert "does not have the checksum that its item states" in lost["a"]


def test_only_ground_within_the_area_is_seen(tmp_path):
    left, bottom, right, top = SQUARE.bounds(OVER)
    half = shapely.box(left, bottom, (left + right) / 2, top)
    found_BHW, _ = seen(SQUARE, OVER, [flat(tmp_path, "a")], area=half)
    assert (found_BHW[:, :, :50] == 1_000).all()
    assert (found_BHW[:, :, 50:] == UNSEEN).all()


def test_a_window_beside_a_scene_sees_nothing_of_it(tmp_path):
    for dy, dx in ((-5_000, 0), (0, 300), (121, 0), (0, -101)):
        window = Window(OVER.y0 + dy, OVER.x0 + dx, OVER.y1 + dy, OVER.x1 + dx)
        assert looked(ViewParams(SQUARE, window, ("red",)), [flat(tmp_path, "a")]) == (None, {})


def test_where_a_band_ends_before_the_mask_nothing_is_seen(tmp_path):
    mask = write(tmp_path / "mask.tif", np.full((60, 50), CLEAR, np.uint8), coarser(HERE))
    short = replace(HERE, height=40)
    red = write(tmp_path / "red.tif", np.full((40, 100), 700, np.uint16), short)
    found_BHW, _ = seen(SQUARE, OVER, [scene("a", {"red": red}, mask, HERE)])
    assert (found_BHW[:, :40] == 700).all()
    assert (found_BHW[:, 41:] == UNSEEN).all()


LOSSLESS = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES", "YCBCR420": "NO"}


@pytest.mark.parametrize("role", ["red", "mask"])
@pytest.mark.parametrize("change", [{"crs": "EPSG:32701"}, {"top": 4_000_000.0}, {"left": float("nan")}])
def test_a_scene_whose_raster_lies_elsewhere_than_its_item_says_is_told_as_lost(tmp_path, role, change):
    hrefs = {
        "red": write(tmp_path / "red.tif", np.full((120, 100), 700, np.uint16), HERE),
        "mask": write(tmp_path / "mask.tif", np.full((120, 100), CLEAR, np.uint8), HERE),
    }
    with rasterio.open(hrefs[role]) as source:
        moved = write(tmp_path / "moved.tif", source.read(1), replace(HERE, **change))
    item = scene("a", {"red": hrefs["red"]}, hrefs["mask"], HERE)
    band, mask = item.band("red"), item.mask
    item = (
        replace(item, mask=replace(mask, href=moved))
        if role == "mask"
        else replace(item, bands=(replace(band, href=moved),))
    )
    found, lost = looked(ViewParams(SQUARE, OVER, ("red",)), [item])
    assert found is None
    assert "moved.tif" in lost["a"]
    assert mosaic_block(SQUARE, OVER, [item], ["red"]).lost == lost


@pytest.mark.parametrize("dtype", ["int16", "float32", "uint8", "uint32"])
def test_a_band_that_is_not_16_bits_is_told_as_lost(tmp_path, dtype):
    red = flat(tmp_path, "a", np.full((120, 100), 200, dtype))
    found, lost = looked(ViewParams(SQUARE, OVER, ("red",)), [red])
    assert found is None
    assert list(lost) == ["a"]
    assert f"a-red.tif holds {dtype}, but red must hold uint16" in lost["a"]


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_a_mask_that_is_of_no_codes_is_told_as_lost(tmp_path, dtype):
    _, lost = looked(ViewParams(SQUARE, OVER, ("red",)), [flat(tmp_path, "a", mask=np.full((60, 50), CLEAR, dtype))])
    assert f"a-mask.tif holds {dtype}, but mask must hold uint8 or uint16" in lost["a"]


def test_every_tile_that_is_needed_and_cannot_be_read_is_told(tmp_path):
    tiles = [flat(tmp_path, name, overpass="one") for name in "abc"]
    Path(tiles[0].mask.href).unlink()
    Path(tiles[2].bands[0].href).write_bytes(b"no raster")
    found, lost = looked(ViewParams(SQUARE, OVER, ("red",)), tiles)
    assert found is None
    assert list(lost) == ["a"]
    found, lost = looked(ViewParams(SQUARE, OVER, ("red",)), tiles[::2])
    assert found is None
    assert list(lost) == ["a", "c"]
    assert "a-mask.tif" in lost["a"] and "c-red.tif" in lost["c"]


@pytest.mark.parametrize(("height", "width"), [(1_024, 1_024), (1_000, 777)])
def test_a_coarse_grid_is_seen_through_the_overviews(tmp_path, height, width):
    """A slope is itself at any overview: each of its pixels is the mean of those below it."""
    raster, grid = replace(HERE, height=height, width=width), Grid("EPSG:3035", 45.0, 512)
    row_HW, col_HW = np.mgrid[:height, :width]
    options = {"driver": "COG", "blocksize": 256, "overview_resampling": "average"}
    red = write(tmp_path / "red.tif", (2_000 + 4 * row_HW + 2 * col_HW).astype(np.uint16), raster, **options)
    options["overview_resampling"] = Resampling.nearest.name
    mask = write(tmp_path / "mask.tif", np.full((height, width), CLEAR, np.uint8), raster, **options)
    window = around(grid, 15.05, 47.81, 220, 200)
    found_BHW, _ = seen(grid, window, [scene("a", {"red": red}, mask, raster)])
    exact = exact_coordinates(grid, window, raster)
    inner_HW = (found_BHW[0] != UNSEEN) & (np.minimum(*exact) > 10)
    inner_HW &= (exact[0] < height - 10) & (exact[1] < width - 10)
    assert inner_HW.sum() > 5_000
    assert np.abs(found_BHW[0] - (2_000 + 4 * exact[0] + 2 * exact[1]))[inner_HW].max() < 2


def coarse_pair(folder, mask_HW, raster, **facts):
    """A scene whose mask is a GeoTIFF without overviews, with averaged and with nearest ones, and a JP2, by kind."""
    red = write(folder / "red.tif", np.full(mask_HW.shape, 1_000, np.uint16), raster)
    plain = write(folder / "plain.tif", mask_HW, raster, tiled=True, blockxsize=128, blockysize=128)
    masks = {"plain": plain, "jp2": str(folder / "mask.jp2")}
    rasterio.shutil.copy(plain, masks["jp2"], **LOSSLESS)
    for resampling in (Resampling.average, Resampling.nearest):
        masks[resampling.name] = str(folder / f"{resampling.name}.tif")
        rasterio.shutil.copy(plain, masks[resampling.name], driver="GTiff", tiled=True)
        with rasterio.open(masks[resampling.name], "r+") as target:
            target.build_overviews([2, 4, 8], resampling)
    return {kind: scene("a", {"red": red}, mask, raster, **facts) for kind, mask in masks.items()}


def centres(grid, raster):
    """The window of a grid in UTM around a raster, and the rows and columns of its pixels' centres there."""
    left, bottom, right, top = raster.bounds
    window = grid.window_around((left, bottom, right, top), "raster")
    row_HW, col_HW = exact_coordinates(grid, window, raster)
    inside_HW = (row_HW > 0) & (row_HW < raster.height - 1) & (col_HW > 0) & (col_HW < raster.width - 1)
    row_HW, col_HW = (
        np.rint(at_HW).astype(int).clip(0, side - 1)
        for at_HW, side in ((row_HW, raster.height), (col_HW, raster.width))
    )
    return window, row_HW, col_HW, inside_HW


@pytest.mark.parametrize("resolution", [45.0, 100.0, 170.0])
def test_codes_are_those_of_full_resolution_and_clouds_grow_by_metres_on_every_grid(tmp_path, monkeypatch, resolution):
    monkeypatch.setattr(clear, "MASK_PIXELS", 50_000)
    random, raster = np.random.default_rng(5), replace(HERE, resolution=20.0, height=640, width=512)
    mask_HW = np.where(random.random((640, 512)) < 0.002, CLOUD, CLEAR).astype(np.uint8)
    mask_HW[random.random(mask_HW.shape) < 0.1] = 7
    grid = Grid("EPSG:32633", resolution, 512)
    window, row_HW, col_HW, inside_HW = centres(grid, raster)
    away_HW = distance_transform_edt(mask_HW != CLOUD) * 20
    expected_HW = ((mask_HW == CLEAR) & (away_HW > 60))[row_HW, col_HW]
    for kind, item in coarse_pair(tmp_path, mask_HW, raster, rule=replace(RULE, dilate=60.0)).items():
        value_BHW, metres_HW = seen(grid, window, [item], clouds=True)
        assert ((value_BHW[0] != UNSEEN) == expected_HW)[inside_HW].all(), kind
        near_HW = inside_HW & expected_HW & (away_HW[row_HW, col_HW] <= 1_000)
        assert near_HW.sum() > 300
        assert np.allclose(metres_HW[near_HW], away_HW[row_HW, col_HW][near_HW]), kind


def test_bits_are_read_at_full_resolution(tmp_path):
    raster = replace(HERE, resolution=20.0, height=512, width=512)
    mask_HW = np.where(np.random.default_rng(2).random((512, 512)) < 0.4, 0b1000, 0b0001).astype(np.uint16)
    rule, grid = MaskRule(clear=(0,), cloud=(3,), bits=True), Grid("EPSG:32633", 90.0, 512)
    window, row_HW, col_HW, inside_HW = centres(grid, raster)
    for kind, item in coarse_pair(tmp_path, mask_HW, raster, rule=rule).items():
        clear_HW = seen(grid, window, [item])[0][0] != UNSEEN
        assert (clear_HW == (mask_HW == 1)[row_HW, col_HW])[inside_HW].all(), kind


def test_clouds_of_a_mask_in_degrees_grow_by_metres(tmp_path):
    """At 60 degrees north a pixel of 0.0002 degrees is 22.3 m tall and 11.2 m wide."""
    raster = Raster("EPSG:4326", 15.0, 60.02, 0.0002, 200, 200, None)
    mask_HW = np.full((200, 200), CLEAR, np.uint8)
    mask_HW[100, 100] = CLOUD
    grid, shape = Grid("EPSG:3006", 10.0, 512), (400, 400)
    red = write(
        tmp_path / "red.tif", np.full(shape, 900, np.uint16), replace(raster, resolution=0.0001, height=400, width=400)
    )
    mask = write(tmp_path / "mask.tif", mask_HW, raster)
    item = scene("a", {"red": red}, mask, raster, rule=replace(RULE, dilate=100.0))
    window = around(grid, 15.0201, 59.9999, 40, 40)
    value_BHW, metres_HW = seen(grid, window, [item], clouds=True)
    rows, cols = np.mgrid[-20:20, -20:20] + 0.5
    away_HW = np.hypot(rows, cols) * 10
    seen_HW = value_BHW[0] != UNSEEN
    assert not seen_HW[away_HW < 80].any()
    assert seen_HW[away_HW > 120].all()
    assert np.abs(metres_HW - away_HW)[seen_HW].max() < 30


@pytest.mark.parametrize("kind", ["tag", "no tag", "jp2"])
@pytest.mark.parametrize("resolution", [20.0, 40.0])
def test_swath_edges_are_as_bright_as_the_scene_on_coarse_grids(tmp_path, kind, resolution):
    raster = replace(HERE, height=1_024, width=1_024)
    red_HW = np.full((1_024, 1_024), 2_000, np.uint16)
    red_HW[:, :531] = 0
    red_HW[:, 700] = 0
    nodata = {"nodata": 0} if kind == "tag" else {}
    red = write(tmp_path / "red.tif", red_HW, raster, tiled=True, blockxsize=128, blockysize=128, **nodata)
    with rasterio.open(red, "r+") as target:
        target.build_overviews([2, 4], Resampling.average)
    if kind == "jp2":
        rasterio.shutil.copy(
            red, tmp_path / "red.jp2", driver="JP2OpenJPEG", QUALITY="100", REVERSIBLE="YES", YCBCR420="NO"
        )
        red = str(tmp_path / "red.jp2")
    mask = write(tmp_path / "mask.tif", np.full((512, 512), CLEAR, np.uint8), coarser(raster))
    grid = Grid("EPSG:32633", resolution, 512)
    window = grid.window_around(raster.bounds, "raster")
    value_HW = seen(grid, window, [scene("a", {"red": red}, mask, raster, offset=-0.1)])[0][0]
    assert set(np.unique(value_HW)) == {1_000, UNSEEN}
    assert (value_HW == 1_000).sum() == pytest.approx(493 * 1_024 * 100 / resolution**2, rel=0.02)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("method", LOOKS)
def test_a_gpu_sees_the_same_bits(tiles, method):
    bands = "red", "swir16"
    cpu, cuda = (looked(ViewParams(GRID, WHOLE, bands, device=on, **LOOKS[method]), tiles)[0] for on in ("cpu", "cuda"))
    assert (cuda.value_BHW.cpu() == cpu.value_BHW).all()
    assert (cuda.cloud_HW.cpu() == cpu.cloud_HW)[cpu.clear_HW].all()

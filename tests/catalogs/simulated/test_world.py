"""A world on disk: `world.py`, `observe.py`, `items.py`, `tiles.py`, `overpass.py` (passes) and `cog.py`."""

import json
from dataclasses import replace

import numpy as np
import pystac
import pytest
import rasterio
import shapely
from pyproj import Transformer
from pystac.validation import validate_dict
from rasterio.enums import Resampling

from catalogs.simulated import DEFAULT_DATES, Overpass, WorldError, acquire, open_world, simulate, truth, truths
from catalogs.simulated.classes import WORLDCOVER
from catalogs.simulated.cog import write_cog
from catalogs.simulated.landscape import LandscapeError, landscape
from catalogs.simulated.overpass import OverpassError
from catalogs.simulated.tiles import envelope, lay_tiles

DATES = (DEFAULT_DATES[0], DEFAULT_DATES[2], DEFAULT_DATES[6])


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def world(tmp_path_factory, told):
    folder = tmp_path_factory.mktemp("simulated") / "world"
    return simulate(folder, 3, kilometres=4, dates=DATES, progress=lambda done, total: told.append((done, total)))


def items(world):
    return {item["id"]: item for item in map(json.loads, world.items.read_text().splitlines())}


def test_default_dates_are_six_days_of_old_and_new_baselines_with_one_duplicate_and_one_swath_edge():
    first = [date for date in DEFAULT_DATES if date.sequence == 0]
    again = [date for date in DEFAULT_DATES if date.sequence == 1]
    assert len({date.day for date in first}) == len(first) == 6
    assert all("2024-05-01" <= date.day <= "2024-08-31" for date in first)
    assert sum(date.offset == 0 for date in first) >= 2
    assert sum(date.offset == 1000 for date in first) >= 3
    assert [len(date.quadrants) for date in again] == [1]
    assert (again[0].day, again[0].platform) in {(date.day, date.platform) for date in first}
    assert sum(date.swath_edge is not None for date in first) == 1
    assert 0.5 < max(date.cloudiness for date in first) <= 0.6


def test_the_default_place_straddles_two_utm_zones_on_four_overlapping_tiles(world):
    assert {tile.name for tile in world.tiles} == {"32UQU", "32UQV", "33UTP", "33UTQ"}
    assert world.bounds_lonlat[0] < 12 < world.bounds_lonlat[2]
    assert all(edge % 60 == 0 for tile in world.tiles for edge in tile.bounds)
    parts = []
    for tile in world.tiles:
        to_land = Transformer.from_crs(f"EPSG:{tile.epsg}", "EPSG:3035", always_xy=True)
        ring = shapely.segmentize(shapely.box(*tile.bounds), 200.0)
        parts.append(shapely.transform(ring, lambda xy, to=to_land: np.stack(to.transform(*xy.T), axis=1)))
    assert shapely.union_all(parts).contains(shapely.box(*world.bounds))
    assert all(one.intersection(two).area > 0 for one in parts for two in parts)


@pytest.mark.parametrize(("x", "names"), [(4_321_000, {"32T", "32U"}), (4_600_000, {"33T", "33U"})])
def test_a_region_within_one_zone_has_four_tiles_with_names_of_their_own(x, names):
    tiles = lay_tiles((x, 2_800_000, x + 6000, 2_806_000))
    assert len({tile.name for tile in tiles}) == 4
    assert {tile.name[:3] for tile in tiles} <= names


def test_the_catalog_is_valid_stac_and_static(world):
    catalog = pystac.Catalog.from_file(str(world.catalog))
    collection = catalog.get_child("sentinel-2-l2a")
    found = list(collection.get_items())
    assert sorted(item.id for item in found) == sorted(items(world))
    for thing in (catalog, collection, *found):
        validate_dict(thing.to_dict(), extensions=[])
    for item in found:
        for asset in item.get_assets().values():
            with rasterio.open(asset.get_absolute_href()) as source:
                assert source.crs.to_epsg() == int(item.properties["proj:code"].split(":")[1])
                assert list(source.shape) == asset.extra_fields["proj:shape"]
                assert list(source.transform)[:6] == asset.extra_fields["proj:transform"]


def test_the_collection_covers_its_items(world):
    collection = json.loads((world.folder / "sentinel-2-l2a/collection.json").read_text())
    area = shapely.box(*collection["extent"]["spatial"]["bbox"][0])
    begin, end = collection["extent"]["temporal"]["interval"][0]
    for item in items(world).values():
        assert area.covers(shapely.geometry.shape(item["geometry"]))
        assert begin <= item["properties"]["datetime"] <= end


def test_items_tell_how_to_read_their_numbers(world):
    found = items(world)
    old, new = (found[f"S2{name}_L2A"]["assets"]["red"] for name in ("A_33UTQ_20240513_0", "B_33UTQ_20240617_0"))
    assert (old["raster:bands"][0]["scale"], old["raster:bands"][0]["offset"]) == (0.0001, 0)
    assert (new["raster:bands"][0]["scale"], new["raster:bands"][0]["offset"]) == (0.0001, -0.1)
    reflectance = []
    for asset in (old, new):
        with rasterio.open(asset["href"]) as source:
            number_HW = source.read(1)
        band = asset["raster:bands"][0]
        reflectance.append(np.percentile(number_HW[number_HW > 0] * band["scale"] + band["offset"], 5))
    assert reflectance[0] == pytest.approx(reflectance[1], abs=0.02)
    for item in found.values():
        assert item["properties"]["earthsearch:boa_offset_applied"] is False
        with rasterio.open(item["assets"]["scl"]["href"]) as source:
            scl_HW = source.read(1)
        assert scl_HW.shape == tuple(item["assets"]["scl"]["proj:shape"])
        stated = item["properties"]["s2:cloud_shadow_percentage"]
        assert stated == pytest.approx(100 * (scl_HW[scl_HW > 0] == 3).mean(), abs=1e-4)


def test_the_duplicate_is_the_same_acquisition_processed_again(world):
    first, again = (items(world)[f"S2A_33UTQ_20240513_{number}_L2A"] for number in (0, 1))
    assert first["geometry"] == again["geometry"]
    one, two = first["properties"], again["properties"]
    assert one["datetime"] == two["datetime"]
    assert one["s2:datatake_id"].rsplit("_", 1)[0] == two["s2:datatake_id"].rsplit("_", 1)[0]
    assert one["s2:processing_baseline"] < two["s2:processing_baseline"]
    assert one["s2:generation_time"] < two["s2:generation_time"]


def test_truth_on_disk_is_the_landscape_with_colours(world):
    land = landscape(world.seed, envelope(world.tiles))
    whole_YX = truth(land)
    with rasterio.open(world.truth) as source:
        label_YX, colours = source.read(1), source.colormap(1)
        assert source.crs.to_epsg() == 3035
        assert tuple(source.bounds) == world.bounds
    top, left = int(land.bounds[3] - world.bounds[3]) // 10, int(world.bounds[0] - land.bounds[0]) // 10
    np.testing.assert_array_equal(label_YX, whole_YX[top:, left:][: label_YX.shape[0], : label_YX.shape[1]])
    for entry in WORLDCOVER:
        assert "#{:02x}{:02x}{:02x}".format(*colours[entry["code"]]) == entry["color"]


def test_no_class_covers_more_of_a_pixel_of_the_truth_than_its_own_at_2_5_metres(world):
    (coarse_YX,), (fine_YX,) = (truths(world, ["2024-06-01"], resolution) for resolution in (10, 2.5))
    assert fine_YX.shape == (4 * coarse_YX.shape[0], 4 * coarse_YX.shape[1])
    part_YXS = fine_YX.reshape(len(coarse_YX), 4, -1, 4).swapaxes(1, 2).reshape(*coarse_YX.shape, 16)
    own_YX = (part_YXS == coarse_YX[..., None]).sum(-1)
    assert (own_YX < 16).mean() > 0.1
    for row in WORLDCOVER:
        assert ((part_YXS == row["code"]).sum(-1) <= own_YX).all()
    with pytest.raises(WorldError, match=r"pixels of 2\.5, 5, 10 m, not of 20 m"):
        next(truths(world, ["2024-06-01"], 20))


def test_progress_counts_every_scene_once_from_none_on(world, told):
    assert told == [(done, 9) for done in range(10)]


def test_the_same_seed_writes_the_same_bytes(world, tmp_path):
    again = simulate(tmp_path / "again", 3, kilometres=4, dates=DATES)
    names = sorted(path.relative_to(world.folder) for path in world.folder.rglob("*.*") if path.suffix != ".ndjson")
    assert len(names) == 9 * 6 + 4
    assert all((world.folder / name).read_bytes() == (again.folder / name).read_bytes() for name in names)


def test_acquire_adds_dates_and_leaves_the_old_ones_alone(tmp_path):
    world = simulate(tmp_path / "world", 3, kilometres=3, dates=DATES[:1])
    before = {path: path.read_bytes() for path in world.folder.rglob("*.tif")}
    later = Overpass("2024-09-02", "sentinel-2b", cloudiness=0.05)
    added = acquire(world.folder, [later], tiles=["32UQU"])
    assert added == ["S2B_32UQU_20240902_0_L2A"]
    added += acquire(world.folder, [later], tiles=["33UTP", "33UTQ"])
    assert set(items(world)) >= set(added)
    assert len(items(world)) == 7
    assert all(path.read_bytes() == content for path, content in before.items())
    listed = pystac.Catalog.from_file(str(world.catalog)).get_items(recursive=True)
    assert sorted(item.id for item in listed) == sorted(items(world))
    reopened = open_world(world.folder)
    assert [date.quadrants for date in reopened.dates[1:]] == [("SW",), ("SE", "NE")]

    at_once = simulate(tmp_path / "at_once", 3, kilometres=3, dates=[DATES[0], later])
    for name in added:
        band = f"sentinel-2-l2a/{name}/B08.tif"
        assert (world.folder / band).read_bytes() == (at_once.folder / band).read_bytes()


def test_what_exists_is_not_overwritten_and_what_is_unknown_is_refused(world, tmp_path):
    with pytest.raises(WorldError, match="holds a world already"):
        simulate(world.folder, 3, kilometres=4)
    with pytest.raises(WorldError, match="S2A_32UQU_20240513_0_L2A exists already"):
        acquire(world.folder, DATES[:1])
    with pytest.raises(WorldError, match="choose from 32UQU, 32UQV, 33UTP, 33UTQ"):
        acquire(world.folder, [Overpass("2024-09-02")], tiles=["31TAA"])
    with pytest.raises(WorldError, match="exists already"):
        simulate(tmp_path / "twice", 3, kilometres=3, dates=[DATES[0], replace(DATES[0], baseline="05.00")])
    with pytest.raises(WorldError, match="no world"):
        open_world(tmp_path)
    with pytest.raises(LandscapeError, match="multiples of 10 m"):
        simulate(tmp_path / "odd", 3, (0.0, 0.0, 1003.0, 1000.0))


@pytest.mark.parametrize("wrong", [{"cloudiness": 30}, {"swath_edge": -0.1}, {"day": "13.5.2024"}])
def test_a_pass_that_cannot_be_is_refused(wrong):
    with pytest.raises(OverpassError, match=str(next(iter(wrong.values())))):
        Overpass(**{"day": "2024-05-13", **wrong})


@pytest.mark.parametrize("dates", [[], [Overpass("2024-05-13", swath_edge=0.0, quadrants=("SE",))]])
def test_a_world_without_a_scene_is_refused(dates, tmp_path):
    with pytest.raises(WorldError, match="no date shows any tile"):
        simulate(tmp_path / "world", 3, kilometres=2, dates=dates)


def test_images_are_cloud_optimised(tmp_path):
    number_HW = np.random.default_rng(0).integers(1, 9999, (1100, 1100)).astype(np.uint16)
    transform = rasterio.Affine(10, 0, 0, 0, -10, 0)
    write_cog(tmp_path / "B02.tif", number_HW, "EPSG:32633", transform, Resampling.average)
    with rasterio.open(tmp_path / "B02.tif") as source:
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "2"
        assert source.profile["compress"] == "deflate"
        assert source.block_shapes == [(512, 512)]
        assert source.overviews(1)
        np.testing.assert_array_equal(source.read(1), number_HW)

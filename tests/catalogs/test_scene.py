import json
import os
import pickle
from datetime import UTC, datetime
from pathlib import Path

import pytest
import shapely
from made_items import made_item

import catalogs
from catalogs import Asset, CatalogError, read_scene, read_scenes, resolve_offset
from catalogs.items.mask import SCL

ROLES = ("red", "blue")


def test_a_scene_holds_what_is_needed_to_read_it():
    scene = read_scene(made_item(), ROLES)
    assert scene.datetime == datetime(2023, 8, 15, 9, 57, 57, 246000, tzinfo=UTC)
    assert scene.acquisition == "sentinel-2a/20230815T095031/33TWM"
    assert (scene.tile, scene.baseline, scene.cloud_cover) == ("33TWM", "05.09", 12.5)
    assert (scene.provider, scene.platform) == ("Earth Search v1 sentinel-2-l2a", "sentinel-2a")
    assert (scene.orbit, scene.repeat_days) == (None, 10)
    assert scene.footprint.equals(shapely.box(15, 46, 16, 47))
    assert scene.bands == (
        Asset("red", "https://example.org/scenes/B04.tif", 0.0001, 0.0, 0.0, (0.0, -0.1), crs="EPSG:32633"),
        Asset("blue", "https://example.org/scenes/B02.tif", 0.0001, 0.0, 0.0, (0.0, -0.1), crs="EPSG:32633"),
    )
    assert scene.band("blue") is scene.bands[1]
    assert scene.mask == Asset("scl", "https://example.org/scenes/SCL.tif", 1.0, 0.0, 0.0, crs="EPSG:32633")
    assert scene.rule == SCL
    assert scene.doubt is None
    assert not {0, 1, 3, 8, 9, 10} & set(scene.clear), "clouds, their shadows and gaps are not clear ground"


@pytest.mark.parametrize(
    ("fact", "orbit"),
    [
        ({"sat__relative_orbit": 79}, 79),
        ({"s2__relative_orbit_number": 143}, 143),
        ({"s2__product_uri": "S2A_MSIL2A_20230815T095031_N0509_R079_T33TWM_20230815T155057.SAFE"}, 79),
        ({}, None),
    ],
)
def test_the_relative_orbit_is_read_from_a_property_or_the_products_name(fact, orbit):
    assert read_scene(made_item(**fact), ROLES).orbit == orbit


def test_a_scene_travels_and_can_be_a_key():
    scene = read_scene(made_item(), ROLES)
    again = pickle.loads(pickle.dumps(scene))
    assert again == scene
    assert {scene: 1}[again] == 1


def test_the_digest_follows_the_pixels_and_not_the_place():
    digest = read_scene(made_item(), ROLES).digest
    assert digest == read_scene(made_item(hrefs="s3://elsewhere/"), ROLES).digest
    assert digest == read_scene(made_item(updated="2023-08-15T23:19:47.562+02:00"), ROLES).digest
    others = [
        read_scene(made_item(), ROLES[:1]),
        read_scene(made_item(updated="2024-01-01T00:00:00Z"), ROLES),
        read_scene(made_item(applied=False), ROLES),
        read_scene(made_item(baseline="05.10"), ROLES),
        read_scene(made_item(id="another"), ROLES),
    ]
    doubted = others[2]
    assert resolve_offset(doubted, 0.0).digest == digest, "how it came to be known is no matter"
    others.append(resolve_offset(doubted, -0.1))
    assert len({digest, *(other.digest for other in others)}) == 7
    assert digest == "b84569e20e7be2a1", "stored in cubes: it must never change for the same facts"


def test_an_asset_may_have_another_crs_than_its_item():
    item = made_item(proj__epsg=None, proj__code="EPSG:32632")
    item["assets"]["blue"]["proj:code"] = "EPSG:4326"
    item["assets"]["scl"]["proj:epsg"] = 32633
    scene = read_scene(item, ROLES)
    assert [asset.crs for asset in (*scene.bands, scene.mask)] == ["EPSG:32632", "EPSG:4326", "EPSG:32633"]
    assert read_scene(made_item(proj__epsg=None), ROLES).mask.crs is None


def test_a_doubt_is_settled_by_one_of_the_possible_offsets():
    scene = read_scene(made_item(applied=False), ROLES)
    assert scene.doubt.offsets == (-0.1, 0.0)
    assert {band.offset for band in scene.bands} == {-0.1}, "until then the likeliest stands"
    for offset in scene.doubt.offsets:
        certain = resolve_offset(scene, offset)
        assert certain.doubt is None
        assert {band.offset for band in certain.bands} == {offset}
        assert (certain.mask, certain.acquisition) == (scene.mask, scene.acquisition)
    with pytest.raises(CatalogError, match=r"cannot have offset -0\.2, but only -0\.1 or 0"):
        resolve_offset(scene, -0.2)
    with pytest.raises(CatalogError, match="in no doubt about its offset"):
        resolve_offset(read_scene(made_item(), ROLES), 0.0)


def test_a_doubt_about_one_band_is_one_about_the_scene():
    item = made_item(applied=None, baseline="02.14", offset=0)
    item["assets"]["blue"]["raster:bands"] = [{"offset": -0.1}]
    scene = read_scene(item, ROLES)
    assert [band.offset for band in scene.bands] == [0.0, 0.0]
    assert scene.doubt.name == "offset-facts"


def test_what_cannot_be_used_does_not_stop_the_rest():
    items = [made_item("a"), made_item("b", platform="voyager"), {"id": 7}, None, made_item("c", baseline="5")]
    scenes, refusals = read_scenes([*items, made_item("d")], ROLES)
    assert [scene.id for scene in scenes] == ["a", "d"]
    assert list(refusals) == ["b", "item 3, which has no id", "item 4, which has no id", "c"]
    assert refusals["b"] == (
        "item b has platform 'voyager', but such items are of sentinel-2a, sentinel-2b, sentinel-2c, sentinel-2d"
    )
    with pytest.raises(CatalogError, match="no provider has a band called 'infrared'; there are blue, "):
        read_scenes(items, ("red", "infrared"))


def test_tiles_of_one_digit_zones_are_named_alike():
    spellings = [made_item(grid__code="MGRS-1WCR"), made_item(grid__code=None, s2__mgrs_tile="01WCR")]
    assert [read_scene(item, ROLES).tile for item in spellings] == ["01WCR", "01WCR"]


def test_an_unknown_band_is_named_with_those_there_are():
    with pytest.raises(CatalogError, match=r"no band called 'infrared'; it has blue, .*nir"):
        read_scene(made_item(), ("red", "infrared"))
    with pytest.raises(CatalogError, match=r"has no nir; it has red, blue"):
        read_scene(made_item(), ROLES).band("nir")


@pytest.mark.realdata
@pytest.mark.skipif("IDGBR_DATA" not in os.environ, reason="IDGBR_DATA is not set")
def test_real_items_read_as_scenes_and_one_acquisition_of_two_collections_is_known_as_one():
    paths = sorted((Path(os.environ["IDGBR_DATA"]) / "stac_items" / "items").glob("*20250731*_L2A.json"))
    items = [json.loads(path.read_text()) for path in paths if path.name.startswith("es-v1")]
    scenes = [read_scene(item, catalogs.ROLES) for item in items]
    by_acquisition = {scene.acquisition: [] for scene in scenes}
    for scene in scenes:
        by_acquisition[scene.acquisition].append((scene.collection, scene.bands[0].offset))
    assert sorted(by_acquisition["sentinel-2b/20250731T131909/20EPT"]) == [
        ("sentinel-2-c1-l2a", -0.1),
        ("sentinel-2-l2a", 0.0),
    ]

import copy
import json
import os
import pickle
from datetime import UTC, datetime
from pathlib import Path

import pytest
import shapely
from made_items import made_item

import catalogs
from catalogs import Asset, CatalogError
from catalogs.scene import read_scene

ROLES = ("red", "blue")


def test_a_scene_holds_what_is_needed_to_read_it():
    scene = read_scene(made_item(), ROLES)
    assert scene.datetime == datetime(2023, 8, 15, 9, 57, 57, 246000, tzinfo=UTC)
    assert scene.acquisition == "sentinel-2a/20230815T095031_042547/33TWM"
    assert (scene.tile, scene.baseline, scene.crs, scene.cloud_cover) == ("33TWM", "05.09", "EPSG:32633", 12.5)
    assert scene.footprint.equals(shapely.box(15, 46, 16, 47))
    assert scene.bands == (
        Asset("red", "https://example.org/scenes/B04.tif", 0.0001, 0.0, 0.0),
        Asset("blue", "https://example.org/scenes/B02.tif", 0.0001, 0.0, 0.0),
    )
    assert scene.band("blue") is scene.bands[1]
    assert scene.mask == Asset("mask", "https://example.org/scenes/SCL.tif", 1.0, 0.0, 0.0)
    assert not {0, 1, 3, 8, 9, 10} & set(scene.clear), "clouds, their shadows and gaps are not clear ground"


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
    assert len({digest, *(other.digest for other in others)}) == 6
    assert digest == "e58fccb970c2b769", "stored in cubes: it must never change for the same facts"


def test_asset_keys_of_other_catalogs_are_found():
    item = made_item()
    item["assets"] = {
        {"red": "B04", "blue": "B02", "scl": "SCL"}.get(key, key): asset for key, asset in item["assets"].items()
    }
    assert [band.href[-7:] for band in read_scene(item, ROLES).bands] == ["B04.tif", "B02.tif"]


def test_tiles_of_one_digit_zones_are_named_alike():
    spellings = [made_item(grid__code="MGRS-1WCR"), made_item(grid__code=None, s2__mgrs_tile="01WCR")]
    assert [read_scene(item, ROLES).tile for item in spellings] == ["01WCR", "01WCR"]


def test_a_footprint_across_the_antimeridian_is_cut_there():
    item = made_item()
    ring = [[179, 10], [-179, 10], [-179, 11], [179, 11], [179, 10]]
    item["geometry"] = {"type": "Polygon", "coordinates": [ring]}
    two_sides = shapely.union(shapely.box(179, 10, 180, 11), shapely.box(-180, 10, -179, 11))
    assert read_scene(item, ROLES).footprint.equals(two_sides)


def test_a_footprint_that_crosses_itself_is_mended():
    item = made_item()
    item["geometry"]["coordinates"] = [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]
    footprint = read_scene(item, ROLES).footprint
    assert footprint.is_valid
    assert footprint.area == pytest.approx(0.5)


def broken(**parts):
    item = copy.deepcopy(made_item())
    for path, value in parts.items():
        *parents, last = path.split("__")
        place = item
        for parent in parents:
            place = place[parent]
        place[last] = value
    return item


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (broken(id=7), "id 7"),
        (broken(collection="landsat"), "collection 'landsat'.*sentinel-2-l2a"),
        (broken(properties=None), "properties None"),
        (broken(properties__datetime="yesterday"), "datetime 'yesterday'.*RFC 3339"),
        (broken(properties__datetime=20230815), "datetime 20230815.*RFC 3339"),
        (broken(properties__datetime="2023-08-15T09:57:57"), "time zone is missing"),
        (broken(properties__datetime=None), "no datetime"),
        (broken(properties__platform=None), "platform None"),
        (made_item(grid__code="33TWM-MGRS"), "tile '33TWM-MGRS'"),
        (made_item(eo__cloud_cover=float("inf")), "eo:cloud_cover inf"),
        (broken(geometry=None), "not GeoJSON: None"),
        (broken(geometry={"type": "Point", "coordinates": [1, 2]}), "must be a Polygon"),
        (broken(geometry={"type": "Polygon", "coordinates": "here"}), "not GeoJSON"),
        (broken(geometry__coordinates=[[[0, 0], [1, 0], [1, 95], [0, 0]]]), "outside longitude"),
        (broken(geometry__coordinates=[[[0, 0], [1, 0], [float("nan"), 1], [0, 0]]]), "geometry"),
        (broken(assets=[]), r"assets \[\]"),
        (broken(assets__red=None), r"no asset for red \(looked for red, B04\)"),
        (broken(assets__scl=None), "no asset for mask"),
        (broken(assets__red="B04.tif"), "asset red 'B04.tif'.*must be an object"),
        (broken(assets__red__href="B04.tif"), "href 'B04.tif' for asset red"),
        (broken(assets__red__href="/vsicurl/http://x/B04.tif"), "href '/vsicurl"),
        (broken(assets__red__href="ftp://x/B04.tif"), "href 'ftp"),
        (broken(assets__scl__href="<VRTDataset/>"), "href '<VRTDataset/>' for asset scl"),
    ],
)
def test_what_is_wrong_in_an_item_is_said_in_one_sentence(item, said):
    with pytest.raises(CatalogError, match=said) as refused:
        read_scene(item, ROLES)
    assert "\n" not in str(refused.value)


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
    assert sorted(by_acquisition["sentinel-2b/20250731T131909_043879/20EPT"]) == [
        ("sentinel-2-c1-l2a", -0.1),
        ("sentinel-2-l2a", 0.0),
    ]

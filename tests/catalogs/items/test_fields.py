"""Fields as scenes read them."""

import copy
import time

import pytest
import shapely
from made_items import made_item

from catalogs import CatalogError, read_scene

ROLES = ("red", "blue")


def test_a_footprint_across_the_antimeridian_is_cut_there():
    item = made_item()
    ring = [[179, 10], [-179, 10], [-179, 11], [179, 11], [179, 10]]
    item["geometry"] = {"type": "Polygon", "coordinates": [ring]}
    two_sides = shapely.union(shapely.box(179, 10, 180, 11), shapely.box(-180, 10, -179, 11))
    assert read_scene(item, ROLES).footprint.equals(two_sides)


@pytest.mark.parametrize("turn", [-360, 360])
def test_a_footprint_beyond_180_degrees_is_turned_back(turn):
    item = made_item()
    ring = [[179, 10], [181, 10], [181, 11], [179, 11], [179, 10]]
    ring = [[x if turn > 0 else x - 360, y, 500.0] for x, y in ring]
    item["geometry"] = {"type": "MultiPolygon", "coordinates": [[ring]]}
    two_sides = shapely.union(shapely.box(179, 10, 180, 11), shapely.box(-180, 10, -179, 11))
    assert read_scene(item, ROLES).footprint.equals(two_sides)


WORLD = shapely.box(-180, -90, 180, 90)
DISC = shapely.segmentize(shapely.box(-80, -60, 120, 60), 10)
CAP = shapely.Polygon([(lon, 60) for lon in range(-180, 181, 90)] + [(180, 90), (-180, 90)])


@pytest.mark.parametrize("shape", [WORLD, DISC, CAP], ids=["the world", "wide, of short edges", "around a pole"])
def test_a_wide_footprint_that_does_not_cross_the_antimeridian_stands_as_it_is(shape):
    footprint = read_scene({**made_item(), "geometry": shapely.geometry.mapping(shape)}, ROLES).footprint
    assert footprint.equals(shape)


def test_a_footprint_with_points_on_both_sides_of_the_antimeridian_is_cut_there():
    ring = [(179, 10), (180, 10), (-180, 10), (-179, 10), (-179, 11), (-180, 11), (180, 11), (179, 11), (179, 10)]
    footprint = read_scene({**made_item(), "geometry": {"type": "Polygon", "coordinates": [ring]}}, ROLES).footprint
    assert footprint.equals(shapely.union(shapely.box(179, 10, 180, 11), shapely.box(-180, 10, -179, 11)))


def test_each_part_of_a_footprint_is_cut_by_itself():
    item = made_item()
    crossing = [[179, 10], [-179, 10], [-179, 11], [179, 11], [179, 10]]
    west = [[-180, 20], [-179, 20], [-179, 21], [-180, 20]]
    item["geometry"] = {"type": "MultiPolygon", "coordinates": [[crossing], [west]]}
    assert read_scene(item, ROLES).footprint.area == pytest.approx(2.5)


def test_times_without_a_zone_are_in_utc_and_a_null_time_is_that_of_its_start(tokyo):
    when = read_scene(made_item(datetime="2023-08-15T09:57:57.246"), ROLES).datetime
    assert when == read_scene(made_item(datetime="2023-08-15T09:57:57.246Z"), ROLES).datetime
    ends = {"start_datetime": "2023-08-15T09:57:57.246Z", "end_datetime": "2023-08-15T09:58:10Z"}
    assert read_scene(made_item(datetime=None, **ends), ROLES).datetime == when


@pytest.fixture
def tokyo(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def test_only_the_assets_that_are_read_are_judged():
    item = made_item()
    item["assets"] |= {"thumbnail": "x.png", "swir16": {"href": "s3://sentinel-s2-l2a/x"}, "overview": {"href": 5}}
    assert read_scene(item, ROLES).band("red").href == "https://example.org/scenes/B04.tif"
    with pytest.raises(CatalogError, match="its file 's3://sentinel-s2-l2a/x' is of Sentinel-2 on AWS"):
        read_scene(item, ("swir16",))


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
        (broken(id="two\nlines"), r"id 'two\\nlines'.*printable"),
        (broken(collection="landsat"), "collection 'landsat'.*sentinel-2-l2a"),
        (broken(properties=None), "properties None"),
        (broken(properties__datetime="yesterday"), "datetime 'yesterday'.*RFC 3339"),
        (broken(properties__datetime=20230815), "datetime 20230815.*RFC 3339"),
        (broken(properties__datetime="2023-08-15"), "datetime '2023-08-15'.*RFC 3339"),
        (
            made_item(datetime=None, start_datetime="2023-08-01T00:00:00Z", end_datetime="2023-08-31T00:00:00Z"),
            "goes from 2023-08-01.* to 2023-08-31.*, but a scene is taken in a day",
        ),
        (made_item(datetime=None, start_datetime="2023-08-01T00:00:00Z"), "no end_datetime"),
        (broken(geometry__coordinates=[[[0, 0], [1, 0], [2, 0], [0, 0]]]), "covers no ground"),
        (broken(properties__datetime=None), "no datetime"),
        (broken(properties__platform=None), "platform None"),
        (made_item(grid__code="33TWM-MGRS"), "tile '33TWM-MGRS'"),
        (made_item(eo__cloud_cover=float("inf")), "eo:cloud_cover inf"),
        (made_item(eo__cloud_cover=10**400), r"eo:cloud_cover 1000.*must be a finite number"),
        (made_item(eo__cloud_cover=-1), "eo:cloud_cover -1, but it must be 0 to 100"),
        (broken(properties__datetime="0001-01-01T00:00:00+14:00"), "datetime '0001.*RFC 3339"),
        (made_item(grid__code="MGRS-61TWM"), "tile 'MGRS-61TWM'"),
        (made_item(grid__code=None), "names no tile"),
        (made_item(datatake="GS2A_20231315T095031_042547"), "'GS2A_20231315T.*but a datatake begins at a time"),
        (broken(geometry=None), "not GeoJSON: None"),
        (broken(geometry={"type": "Point", "coordinates": [1, 2]}), "must be a Polygon"),
        (broken(geometry={"type": "Polygon", "coordinates": "here"}), "not GeoJSON"),
        (broken(geometry__coordinates=[[[0, 0], [1, 0], [1, 95], [0, 0]]]), "outside longitude"),
        (broken(geometry__coordinates=[[[0, 0], [1, 0], [float("nan"), 1], [0, 0]]]), "geometry"),
        (broken(assets=[]), r"assets \[\]"),
        (broken(assets__red=None), r"no asset for red \(looked for red; it has \['blue', "),
        (broken(assets__scl=None), "no asset for mask"),
        (broken(assets__red="B04.tif"), "asset red 'B04.tif'.*must be an object"),
        (broken(assets__red__href="B04.tif"), "href 'B04.tif' for asset red"),
        (broken(assets__red__href="/vsicurl/http://x/B04.tif"), "href '/vsicurl"),
        (broken(assets__red__href="ftp://x/B04.tif"), "href 'ftp"),
        (broken(assets__red__href="gs://x/B04.tif"), "href 'gs"),
        (broken(assets__red__href="https:///B04.tif"), "href 'https"),
        (broken(assets__red__href="https://[x/B04.tif"), "href 'https"),
        (broken(assets__red__href="https://user:word@example.org/B04.tif"), "asset red, but it must start with"),
        (broken(assets__red__href="https://example.org/\r\nB04.tif"), "href 'https"),
        (broken(assets__red__href="s3://"), "href 's3"),
        (broken(assets__red__href="file:///vsicurl/http://x/B04.tif"), "href 'file"),
        (broken(assets__red__href="file:///%76sicurl/x.tif"), "href 'file"),
        (broken(assets__red__href="file://elsewhere/B04.tif"), "href 'file"),
        (broken(assets__red__href="file:B04.tif"), "href 'file"),
        (broken(assets__scl__href="<VRTDataset/>"), "href '<VRTDataset/>' for asset scl"),
    ],
)
def test_what_is_wrong_in_an_item_is_said_in_one_sentence(item, said):
    with pytest.raises(CatalogError, match=said) as refused:
        read_scene(item, ROLES)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "href", ["http://localhost:8000/B04.tif?sv=1", "s3://bucket/B04.tif", "/data/B04.tif", "file:///data/a%20b/B04.tif"]
)
def test_files_here_and_by_http_and_s3_are_allowed(href):
    assert read_scene(broken(assets__red__href=href), ROLES).band("red").href == href

import json
import os
import resource
from pathlib import Path

import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_items import made_item

import catalogs
from catalogs import CatalogError, CatalogUnavailable, scenelist
from catalogs.items.fields import timestamp

ITEMS = [
    made_item("old", baseline="02.14", applied=None, offset=0, datetime="2019-07-01T10:00:00.123456Z"),
    made_item("new", eo__cloud_cover=3, hrefs="/data/a folder/ü/"),
    made_item("bare", eo__cloud_cover=None, proj__epsg=None, applied=False),
]


def essence(item):
    """An item with its times as instants to the millisecond, for the list may spell them otherwise."""
    times = ("datetime", "created", "updated")
    properties = {
        name: str(timestamp(item, name)) if name in times else value for name, value in item["properties"].items()
    }
    return json.loads(json.dumps({**item, "properties": properties, "stac_version": None}))


def test_what_was_written_is_read(tmp_path):
    scenelist.write(tmp_path / "cube" / "scenes.parquet", ITEMS)
    again = scenelist.read(tmp_path / "cube" / "scenes.parquet")
    assert [essence(item) for item in again] == [essence(item) for item in ITEMS]
    assert catalogs.scenes(again) == catalogs.scenes(ITEMS)
    assert [s.digest for s in catalogs.scenes(again)] == [s.digest for s in catalogs.scenes(ITEMS)]


def test_an_item_of_several_polygons_leaves_the_digests_of_the_others_as_they_are(tmp_path):
    several = made_item("several")
    several["geometry"] = {"type": "MultiPolygon", "coordinates": [[RING], [[[x + 2, y] for x, y in RING]]]}
    scenelist.write(tmp_path / "scenes.parquet", [*ITEMS, several])
    again = {item["id"]: item for item in scenelist.read(tmp_path / "scenes.parquet")}
    for item in ITEMS:
        assert catalogs.read_scene(again[item["id"]], ("red",)).digest == catalogs.read_scene(item, ("red",)).digest


def test_a_list_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "scenes.parquet"
    scenelist.write(path, ITEMS)
    scenelist.write(path, ITEMS[:1])
    assert [item["id"] for item in scenelist.read(path)] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_list_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "scenes.parquet"
    scenelist.write(path, ITEMS)
    with pytest.raises(CatalogError, match="a STAC item has id"):
        scenelist.write(path, [made_item("a"), {**made_item("b"), "id": 5}])
    assert len(scenelist.read(path)) == 3
    assert list(tmp_path.iterdir()) == [path]


def test_a_list_that_finds_no_room_says_so(tmp_path):
    path = tmp_path / "scenes.parquet"
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limit[1]))
    try:
        with pytest.raises(
            CatalogUnavailable, match=r"scenes\.parquet cannot be written \(File too large\): make room"
        ):
            scenelist.write(path, ITEMS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert not path.exists()


def changed(**fields):
    return {**made_item("odd"), **fields}


def with_property(name, value):
    return changed(properties={**made_item()["properties"], name: value})


RING = made_item()["geometry"]["coordinates"][0]
ODD = {
    "a number here, an object there": made_item("odd", odd={"nested": 1}),
    "a number here, a text there": made_item("odd", odd="1"),
    "a list of both": made_item("odd", odd=["a", 1]),
    "an empty object": made_item("odd", other={}),
    "times that are none and are not read": made_item("odd", created="x", end_datetime=[], start_datetime=5),
    "a number that is none": made_item("odd", other=float("nan")),
    "half of a character": made_item("odd", other="\ud800"),
    "a number beyond 64 bits": made_item("odd", other=2**70),
    "a title that is a number": made_item("odd", title=5),
    "a property called id": with_property("id", "another"),
    "a property that looks like a whole item": with_property(scenelist.ITEM, json.dumps(made_item("another"))),
    "a field outside the standard": changed(fingerprint={"sha": 1}),
    "a footprint in three dimensions": changed(
        geometry={"type": "Polygon", "coordinates": [[[x, y, 100.0] for x, y in RING]]}
    ),
    "an asset with other types": changed(assets={"red": {"href": "/r.tif", "raster:bands": [{"scale": "1e-4"}]}}),
}


@pytest.mark.parametrize("what", ODD)
def test_items_that_columns_cannot_hold_are_kept_whole(tmp_path, what):
    items = [made_item("plain", odd=1), ODD[what]]
    scenelist.write(tmp_path / "scenes.parquet", items)
    assert json.dumps(scenelist.read(tmp_path / "scenes.parquet")) == json.dumps(items)


def test_a_list_is_readable_as_stac_geoparquet_also_when_it_holds_odd_items(tmp_path):
    for items, text in ((ITEMS, False), ([*ITEMS, ODD["an empty object"]], True)):
        scenelist.write(tmp_path / "scenes.parquet", items)
        table = pyarrow.parquet.read_table(tmp_path / "scenes.parquet")
        assert {"id", "geometry", "bbox", "datetime", "collection"} <= set(table.column_names)
        assert table["id"].to_pylist() == [item["id"] for item in items]
        assert (scenelist.ITEM in table.column_names) == text


def test_an_empty_list_says_what_to_do(tmp_path):
    with pytest.raises(CatalogError, match="no scenes found: widen the region or the period"):
        scenelist.write(tmp_path / "scenes.parquet", [])
    assert not any(tmp_path.iterdir())


def test_a_missing_or_damaged_list_is_named(tmp_path):
    path = tmp_path / "scenes.parquet"
    with pytest.raises(CatalogError, match="no scene list at"):
        scenelist.read(path)
    scenelist.write(path, ITEMS)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CatalogError, match=r"scenes\.parquet cannot be read as a scene list"):
        scenelist.read(path)


versions = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 9)), max_size=8)


@settings(deadline=None)
@given(versions, versions)
def test_merging_loses_nothing_and_keeps_the_newest(old, new):
    def items(pairs):
        return [made_item(name, updated=f"2024-01-0{day}T00:00:00Z") for name, day in pairs]

    merged = scenelist.merge(items(old), items(new))
    newest = {name: max(day for other, day in old + new if other == name) for name, _ in old + new}
    days = [(item["id"], int(item["properties"]["updated"][9])) for item in merged]
    assert days == sorted(newest.items())
    assert scenelist.merge(merged, items(old)) == merged


@pytest.mark.realdata
@pytest.mark.skipif("IDGBR_DATA" not in os.environ, reason="IDGBR_DATA is not set")
def test_real_items_keep_everything(tmp_path):
    paths = sorted((Path(os.environ["IDGBR_DATA"]) / "sentinel2_l2a_33T").glob("*/*/*.json"))
    items = [json.loads(path.read_text()) for path in paths]
    scenelist.write(tmp_path / "scenes.parquet", items)
    again = scenelist.read(tmp_path / "scenes.parquet")
    assert len(items) == 10
    assert [essence(item) for item in again] == [essence(item) for item in items]

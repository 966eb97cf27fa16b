import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_items import made_item

import catalogs
from catalogs import CatalogError, scenelist
from catalogs.fields import moment

ITEMS = [
    made_item("old", baseline="02.14", applied=None, offset=0, datetime="2019-07-01T10:00:00.123456Z"),
    made_item("new", eo__cloud_cover=3, hrefs="/data/a folder/ü/"),
    made_item("bare", eo__cloud_cover=None, proj__epsg=None, applied=False),
]


def essence(item):
    """An item with its times as instants to the millisecond, for the list may spell them otherwise."""
    times = ("datetime", "created", "updated")
    properties = {
        name: str(moment(item, name)) if name in times else value for name, value in item["properties"].items()
    }
    return json.loads(json.dumps({**item, "properties": properties, "stac_version": None}))


def test_what_was_written_is_read(tmp_path):
    scenelist.write(tmp_path / "cube" / "scenes.parquet", ITEMS)
    again = scenelist.read(tmp_path / "cube" / "scenes.parquet")
    assert [essence(item) for item in again] == [essence(item) for item in ITEMS]
    assert catalogs.scenes(again) == catalogs.scenes(ITEMS)
    assert [s.digest for s in catalogs.scenes(again)] == [s.digest for s in catalogs.scenes(ITEMS)]


def test_a_list_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "scenes.parquet"
    scenelist.write(path, ITEMS)
    scenelist.write(path, ITEMS[:1])
    assert [item["id"] for item in scenelist.read(path)] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_list_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "scenes.parquet"
    scenelist.write(path, ITEMS)
    with pytest.raises(CatalogError, match="do not fit into one list"):
        scenelist.write(path, [made_item("a", odd=1), made_item("b", odd={"nested": 1})])
    assert len(scenelist.read(path)) == 3
    assert list(tmp_path.iterdir()) == [path]


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

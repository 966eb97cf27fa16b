import pytest

from catalogs.items.class_table import MapClass, classes_of

TREES, WATER = MapClass(10, "Tree cover", "#006400"), MapClass(80, "Water", None)
ROWS = [
    {"value": 80, "name": "Water"},
    {"value": 0, "description": "none", "nodata": True},
    {"value": 10, "description": "Tree cover", "color_hint": "006400"},
]


@pytest.mark.parametrize(
    "asset",
    [
        {"classification:classes": ROWS},
        {"raster:bands": [{"classification:classes": ROWS}]},
        {"bands": [{"classification:classes": ROWS}]},
        {"classification:classes": [{**row, "color-hint": row.get("color_hint")} for row in ROWS]},
    ],
)
def test_classes_of_an_asset_or_its_band_come_in_order_without_no_data(asset):
    assert classes_of(asset) == [TREES, WATER]


def test_values_of_the_file_extension_are_classes_too():
    values = [{"values": [0], "summary": "No Data"}, {"values": [2], "summary": "Trees"}, {"values": [4, 5]}]
    assert classes_of({"file:values": values}) == [MapClass(2, "Trees", None)]


@pytest.mark.parametrize(
    "asset",
    [None, [], {}, {"classification:classes": 3}, {"classification:classes": [7, {"value": "x"}]}, {"bands": [3]}],
)
def test_what_is_no_table_gives_no_classes(asset):
    assert classes_of(asset) == []

import json
from datetime import UTC, datetime

import pystac
import pytest
import shapely
from pystac.extensions.classification import ClassificationExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.validation import validate_dict

from catalogs import CatalogError, stac_item
from catalogs.area import bbox_polygon

CLASSES = [
    {"code": 10, "name": "Tree cover", "color": "#006400"},
    {"code": 60, "name": "Bare / sparse vegetation", "color": "#b4b4b4"},
]


def written(path, **changes):
    facts = {
        "id": "map-2023",
        "footprint": shapely.box(11, 48, 12, 49),
        "start": datetime(2023, 5, 1, tzinfo=UTC),
        "end": datetime(2023, 8, 31, tzinfo=UTC),
        "crs": "ESRI:102022",
        "shape_YX": (2000, 1000),
        "transform": (10.0, 0.0, 4300000.0, 0.0, -10.0, 2900000.0),
        "classes": CLASSES,
        "store": "s3://maps/cube",
        "snapshot": "VY76P925PRY57WFEK410",
        "scenes": ["S2A_33TWM_20230815_0_L2A"],
    }
    return stac_item.write_item(path / "stac" / "map.json", **{**facts, **changes})


def test_the_bbox_of_a_map_across_the_antimeridian_is_as_wide_as_the_map(tmp_path):
    document = json.loads(written(tmp_path, footprint=bbox_polygon(179.6, -17, -179.6, -16.6)).read_text())
    assert document["bbox"] == [179.6, -17, -179.6, -16.6]


def test_the_item_is_valid_stac(tmp_path):
    document = json.loads(written(tmp_path).read_text())
    assert document["stac_version"] == "1.1.0"
    assert validate_dict(document, extensions=[])
    assert [path.name for path in (tmp_path / "stac").iterdir()] == ["map.json"]


def test_the_item_tells_where_when_what_and_which_version(tmp_path):
    item = pystac.Item.from_file(written(tmp_path))
    assert item.bbox == [11, 48, 12, 49]
    assert shapely.box(11, 48, 12, 49).equals(shapely.geometry.shape(item.geometry))
    assert item.datetime is None
    assert item.properties["start_datetime"] == "2023-05-01T00:00:00Z"
    assert item.properties["end_datetime"] == "2023-08-31T00:00:00Z"
    assert item.properties["version"] == "VY76P925PRY57WFEK410"
    assert item.properties["idgbr:scenes"] == ["S2A_33TWM_20230815_0_L2A"]
    assert item.assets["cube"].href == "s3://maps/cube"
    projection = ProjectionExtension.ext(item)
    assert projection.code == "ESRI:102022"
    assert projection.shape == [2000, 1000]
    assert projection.transform == [10, 0, 4300000, 0, -10, 2900000]


def test_the_class_table_stands_in_the_item(tmp_path):
    item = pystac.Item.from_file(written(tmp_path))
    classes = ClassificationExtension.ext(item.assets["cube"]).classes
    assert [(row.value, row.description, row.color_hint) for row in classes] == [
        (10, "Tree cover", "006400"),
        (60, "Bare / sparse vegetation", "B4B4B4"),
    ]
    assert [row.name for row in classes] == ["tree-cover", "bare-sparse-vegetation"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"start": datetime(2024, 1, 1, tzinfo=UTC)}, "start before its end"),
        ({"end": datetime(2024, 1, 1)}, "needs time zones"),
        ({"classes": [{"code": 1, "name": "water", "color": "blue"}]}, "class water has color 'blue'"),
    ],
)
def test_values_that_cannot_stand_in_an_item_are_refused(tmp_path, changes, said):
    with pytest.raises(CatalogError, match=said):
        written(tmp_path, **changes)
    assert not (tmp_path / "stac" / "map.json").exists()

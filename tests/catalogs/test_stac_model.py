import json
from datetime import UTC, datetime

import pystac
import pytest
import shapely
from pystac.extensions.mlm import MLMExtension
from pystac.validation import validate_dict

from catalogs import CatalogError, stac_model
from catalogs.area import bbox_polygon

CLASSES = [{"code": 10, "name": "Tree cover", "color": "#006400"}, {"code": 80, "name": "Water", "color": "#0064c8"}]
FOOTPRINT = shapely.box(11, 48, 12, 49)


def written(path, classes=CLASSES, footprint=FOOTPRINT):
    return stac_model.write_model_item(
        path / "model.json",
        id="model-0123",
        footprint=footprint,
        start=datetime(2023, 5, 1, tzinfo=UTC),
        end=datetime(2023, 8, 31, tzinfo=UTC),
        name="idgbr-0123",
        href="/models/a",
        digest="0123",
        bands=["red", "nir"],
        mean=[700.5, 3000],
        std=[400, 870],
        classes=classes,
        window=256,
        batch=4,
        hyperparameters={"seed": 0},
        framework_version="2.13.0",
    )


def test_the_bbox_across_the_antimeridian_is_no_wider_than_where_the_model_was_applied(tmp_path):
    document = json.loads(written(tmp_path, footprint=bbox_polygon(179.6, -17, -179.6, -16.6)).read_text())
    assert document["bbox"] == [179.6, -17, -179.6, -16.6]


def test_the_item_is_valid_stac_and_tells_inputs_outputs_and_settings(tmp_path):
    document = json.loads(written(tmp_path).read_text())
    assert validate_dict(document, extensions=[])
    model = MLMExtension.ext(pystac.Item.from_dict(document))
    (given,), (made,) = model.input, model.output
    assert given.bands == ["red", "nir"]
    assert given.input.shape == [-1, 2, 256, 256]
    assert document["properties"]["mlm:input"][0]["value_scaling"] == [
        {"type": "z-score", "mean": 700.5, "stddev": 400},
        {"type": "z-score", "mean": 3000, "stddev": 870},
    ]
    assert made.result.shape == [-1, 256, 256]
    assert [row["value"] for row in document["properties"]["mlm:output"][0]["classification:classes"]] == [10, 80]
    assert document["properties"]["mlm:hyperparameters"] == {"seed": 0}
    asset = document["assets"]["model"]
    assert (asset["href"], asset["roles"]) == ("/models/a", ["mlm:model"])
    assert asset["mlm:artifact_type"] == "safetensors.torch.save_file"


def test_a_colour_that_cannot_stand_in_an_item_is_refused(tmp_path):
    with pytest.raises(CatalogError, match="has color 'blue'"):
        written(tmp_path, [{"code": 1, "name": "water", "color": "blue"}])
    assert not (tmp_path / "model.json").exists()

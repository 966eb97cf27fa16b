"""A value of a file is what it was written for: a word for yes or no is never a number, and a number never a day."""

import pytest

from pipeline.config import region_file
from pipeline.errors import UserError
from pipeline.training import recipe

REGION = """\
name: here
cube: cube
catalog: https://example.org/stac
period: [2024-05-01, 2024-08-31]
bbox: [11, 48, 12, 49]
"""
RECIPE = """\
title: a title
license: cc0-1.0
model: model
data: data
areas: {kind: simulated, seeds: [1]}
split: {by: blocks, size: 1000}
"""
RASTER = "{kind: raster, region: r, maps: [{collection: c, asset: a, period: [0, 2024-05-01]}]}"


def load_region(path):
    return region_file.load(path, with_model=False)


@pytest.mark.parametrize(
    ("load", "text", "key"),
    [
        (load_region, REGION + "max_degraded: yes\n", "max_degraded is yes"),
        (load_region, REGION + "max_cloud: true\n", "max_cloud is true"),
        (load_region, REGION + "commit_every: on\n", "commit_every is on"),
        (load_region, REGION + "months: [5, true]\n", "months.1 is true"),
        (load_region, REGION.replace("[11,", "[yes,"), "bbox.0 is yes"),
        (load_region, REGION + "grid: {resolution: true}\n", "grid.resolution is true"),
        (load_region, REGION + "change: {model: simulated-s2-change, audit: yes}\n", "change.audit is yes"),
        (load_region, REGION + "mask: {asset: m, clear: [no]}\n", "mask.clear.0 is no"),
        (recipe.load, RECIPE + "steps: true\n", "steps is true"),
        (recipe.load, RECIPE + "steps: 1\nseed: yes\n", "seed is yes"),
        (recipe.load, RECIPE.replace("[1]", "[yes]") + "steps: 1\n", "areas.seeds.0 is yes"),
    ],
)
def test_yes_and_true_are_no_numbers(tmp_path, load, text, key):
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=f"{key}: Input should be a valid (number|integer)$"):
        load(path)


@pytest.mark.parametrize(
    ("load", "text", "key"),
    [
        (load_region, REGION.replace("2024-05-01", "0"), "period.0 is 0"),
        (load_region, REGION.replace("2024-05-01", "20240501"), "period.0 is 20240501"),
        (load_region, REGION.replace("2024-08-31", "'1725062400'"), "period.1 is '1725062400'"),
        (load_region, REGION + "mosaic: {method: best, target_day: 86400.0}\n", "mosaic.target_day is 86400.0"),
        (recipe.load, RECIPE.replace("{kind: simulated, seeds: [1]}", RASTER), "areas.maps.0.period.0 is 0"),
    ],
)
def test_a_number_is_no_day(tmp_path, load, text, key):
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=f"{key}: Input should be a valid date"):
        load(path)


def test_a_day_may_be_a_text(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_text(REGION.replace("2024-05-01", "'2024-05-01'"))
    assert [str(day) for day in load_region(path).period] == ["2024-05-01", "2024-08-31"]


def test_yes_and_true_stay_what_they_are_where_a_key_asks_for_them(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_text(REGION + "mask: {asset: m, clear: [0], bits: yes}\nquery: {'s2:calibrated': {eq: true}}\n")
    region = load_region(path)
    assert region.mask.bits is True
    assert region.query["s2:calibrated"]["eq"] is True
    path.write_text(RECIPE + "steps: 1\ncalibrate: yes\nmodel_args: {norm: true}\n")
    assert recipe.load(path).calibrate is True
    assert recipe.load(path).model_args == {"norm": True}
    labels = "{kind: vector, region: r, path: p, column: built, mapping: {true: 3, false: 4}}"
    path.write_text(RECIPE.replace("{kind: simulated, seeds: [1]}", labels) + "steps: 1\n")
    assert recipe.load(path).areas.mapping == {"True": 3, "False": 4}

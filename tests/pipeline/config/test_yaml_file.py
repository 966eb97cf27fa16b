"""Errors of a YAML file: all of them, a line each, with the line of the file."""

import pytest

from pipeline.config import region_file
from pipeline.errors import UserError
from pipeline.training import recipe

GOOD = """\
name: here
cube: cube
catalog: https://example.org/stac
period: [2024-05-01, 2024-08-31]
model: simulated-s2
"""


@pytest.fixture
def errors(tmp_path):
    """A function that loads a file and gives its errors, line by line."""

    def lines(text, load=region_file.load):
        path = tmp_path / "region.yaml"
        path.write_text(text)
        with pytest.raises(UserError) as error:
            load(path)
        return str(error.value).splitlines()

    return lines


def test_all_errors_are_listed_with_their_lines(errors, tmp_path):
    text = """\
name: Not A Slug
cube: cube
catalog: ${NO_SUCH_VARIABLE}/catalog.json
bbox: [12, 48, 11.5, 47]
period: [2024-08-31, 2024-05-01]

# A comment and an empty line do not shift the numbers.
max_clouds: 3
grid:
  block: 1000
  resolutions: 10
mosaic: {method: mode}
model: nowhere
"""
    slug, variable, bbox, period, cloud, block, resolution, method, model = errors(text)
    assert slug.startswith("region.yaml:1: name is 'Not A Slug': ")
    assert variable == (
        "region.yaml:3: catalog: the environment variable NO_SUCH_VARIABLE is not set; set it or write the path out"
    )
    assert bbox.startswith("region.yaml:4: bbox is [12, 48, 11.5, 47]: must be [west, south, east, north]")
    assert period.startswith("region.yaml:5: period is [2024-08-31, 2024-05-01]: must start before it ends")
    assert cloud == "region.yaml:8: unknown key 'max_clouds'; did you mean 'max_cloud'?"
    assert block.startswith("region.yaml:10: grid.block is 1000: ")
    assert resolution == "region.yaml:11: unknown key 'grid.resolutions'; did you mean 'resolution'?"
    assert method.startswith("region.yaml:12: mosaic.method is 'mode': ")
    assert model.startswith(f"region.yaml:13: model: no model_index.json in {tmp_path / 'nowhere'}; ")


def test_a_variable_of_the_environment_stands_anywhere_in_a_value(tmp_path, monkeypatch):
    monkeypatch.setenv("ARCHIVE", "/archive")
    monkeypatch.setenv("HOST", "store.example")
    path = tmp_path / "region.yaml"
    path.write_text(GOOD + "bbox: [11, 47, 12, 48]\nallowed_paths: ['${ARCHIVE}/x']\nallowed_hosts: ['${HOST}']\n")
    region = region_file.load(path)
    assert ([*map(str, region.allowed_paths)], region.allowed_hosts) == (["/archive/x"], ("store.example",))


def test_a_variable_that_is_not_set_is_named_with_its_place_in_a_list(errors):
    (line,) = errors(GOOD + "bbox: [11, 47, 12, 48]\nallowed_paths:\n  - a\n  - ${NO_SUCH_VARIABLE}/x\n")
    assert line.startswith("region.yaml:9: allowed_paths.1: the environment variable NO_SUCH_VARIABLE is not set")


def test_a_tilde_is_the_home_folder_in_every_path_of_a_file(tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    path = tmp_path / "region.yaml"
    text = GOOD.replace("cube: cube", "cube: ~/cube").replace("https://example.org/stac", "~/catalog.json")
    path.write_text(text + "bbox: [11, 47, 12, 48]\nallowed_paths: [~/scenes, a~/b]\n")
    region = region_file.load(path)
    assert (region.cube, region.catalog) == (home / "cube", str(home / "catalog.json"))
    assert region.allowed_paths == (home / "scenes", tmp_path / "a~/b")
    path.write_text(
        "title: a\nlicense: mit\nmodel: ~/model\ndata: data\nsteps: 1\n"
        "areas: {kind: folder, path: ~/photos}\nvalidation: {kind: folder, path: photos}\n"
    )
    loaded = recipe.load(path)
    assert (loaded.model, loaded.areas.path) == (home / "model", home / "photos")
    assert loaded.validation.path == tmp_path / "photos"


def test_a_key_that_resembles_none_gets_the_list_of_keys(errors):
    (line,) = errors(GOOD + "bbox: [11, 47, 12, 48]\nxyzzy: 1\n")
    assert line.startswith("region.yaml:7: unknown key 'xyzzy'; allowed are name, cube, catalog, ")


def test_missing_keys_come_last_with_what_they_mean(errors):
    first, *rest = errors("name: here\ngrid: {block: 1}\nmask: {asset: ocm}\n")
    assert first.startswith("region.yaml:2: grid.block is 1: ")
    assert rest[0] == (
        "region.yaml:3 lacks the key 'mask.clear' (values of pixels that may be used; with bits, bits that must be "
        "set); add it"
    )
    assert "region.yaml lacks the key 'cube' (a folder, or s3://bucket/prefix); add it" in rest
    assert {line.split("'")[1] for line in rest[1:]} == {"cube", "catalog", "period", "bbox"}


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("bounds", "bbox", "[11, 47, 12, 48]"),
        ("folders", "allowed_paths", "[a]"),
        ("signers", "token_endpoints", "{a.b: https://a.b}"),
        ("min_contribution", "min_clear_share", "0.1"),
    ],
)
def test_an_old_key_of_a_region_is_refused_with_the_new_name(errors, old, new, value):
    bbox = "" if old == "bounds" else "bbox: [11, 47, 12, 48]\n"
    assert errors(f"{GOOD}{old}: {value}\n{bbox}") == [
        f"region.yaml:6: the key '{old}' is named '{new}' now; rename it"
    ]


def test_an_old_key_below_another_is_refused_with_the_new_name(errors):
    text = GOOD + "bbox: [11, 47, 12, 48]\nmosaic: {method: best, day: 2024-05-05}\n"
    assert errors(text) == ["region.yaml:7: the key 'mosaic.day' is named 'target_day' now; rename it"]


def test_old_keys_of_a_recipe_are_refused_with_the_new_names(errors):
    lines = errors(
        """\
title: a title
licence: cc0-1.0
model: model
data: data
steps: 1
rate: 0.1
crop: 64
batch: 2
sizes: {}
areas: {kind: folder, path: photos, only: ["*"], place: a, grey: 127, blank: 0}
check: {kind: scene-classes}
""",
        recipe.load,
    )
    assert [line.split("'")[1::2] for line in lines] == [
        ["licence", "license"],
        ["rate", "learning_rate"],
        ["crop", "crop_size"],
        ["batch", "batch_size"],
        ["sizes", "model_args"],
        ["areas.only", "include"],
        ["areas.place", "group"],
        ["areas.grey", "mask_threshold"],
        ["areas.blank", "nodata"],
        ["check", "validation"],
    ]
    assert [int(line.split(":")[1]) for line in lines] == [2, 6, 7, 8, 9, 10, 10, 10, 10, 11]


def test_keys_of_a_union_are_named_as_they_are_written(errors):
    lines = errors(
        """\
title: a title
license: cc0-1.0
model: model
data: data
steps: 1
areas:
  kind: scene-classes
  region: region.yaml
  bounds: [11, 47, 12, 48]
  classes: [{code: 1, name: a, color: red}, {code: 2, name: b}]
validation: {kind: dreams}
""",
        recipe.load,
    )
    assert lines[0] == "region.yaml:9: the key 'areas.bounds' is named 'bbox' now; rename it"
    assert lines[1].startswith("region.yaml:10: areas.classes.0.color is 'red': ")
    assert lines[2] == "region.yaml:10 lacks the key 'areas.classes.1.color' (such as #006400); add it"
    assert lines[3] == (
        "region.yaml:11: validation.kind is 'dreams': must be one of 'simulated', 'scene-classes', 'folder', "
        "'raster', 'vector', 'cube'"
    )


def test_of_very_many_errors_the_first_are_listed_and_the_others_counted(errors):
    lines = errors(GOOD + "bbox: [11, 48, 12, 49]\n" + "".join(f"x{n}: 1\n" for n in range(60)))
    assert len(lines) == 51
    assert lines[-1] == "and 10 more errors"


def test_long_values_and_names_are_cut(errors):
    (line,) = errors(GOOD.replace("here", "H" * 5000) + "bbox: [11, 48, 12, 49]\n")
    assert line.startswith(f"region.yaml:1: name is '{'H' * 80} ...': ")
    (line,) = errors(GOOD + f"bbox: [11, 48, 12, 49]\n? {'k' * 5000}\n: 1\n")
    assert line.startswith(f"region.yaml:8: unknown key '{'k' * 80} ...'; allowed are ")

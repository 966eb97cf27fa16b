import csv
import json

import geopandas
import made_versions as made
import pytest
import shapely
from command import answer, run_here, sentence
from idgbr_toys import small_model

from pipeline.cube.cube import Cube


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A cube of two versions, and two zones that overlap."""
    folder = tmp_path_factory.mktemp("stats")
    cube = Cube.create(folder / "cube")
    code_HW = made.plain(10)
    code_HW[100:300, 200:400] = 30
    made.published(cube, code_HW)
    code_HW[100:200] = 80
    made.published(cube, code_HW, run="b")
    shapes = shapely.box(1000, -3000, 4000, -500), shapely.box(2000, -5000, 6000, -100)
    frame = geopandas.GeoDataFrame({"name": ["west", "east"]}, geometry=list(shapes), crs=3035)
    frame.to_file(folder / "zones.gpkg")
    frame[:0].to_file(folder / "none.gpkg")
    frame.set_geometry(frame.translate(1e6)).to_file(folder / "far.gpkg")
    return folder


def test_areas_are_printed_by_zone_and_class_and_the_same_from_threads_and_processes(folder):
    arguments = "stats", folder / "cube", "--zones", folder / "zones.gpkg", "--name", "name"
    found = answer(*arguments)
    hectares = {(row["zone"], row["class"]): row["hectares"] for row in found["classes"]}
    assert hectares["west", "Grass"] == pytest.approx(200)
    assert hectares["east", "Water"] == pytest.approx(400)
    assert [zone["mapped_hectares"] for zone in found["zones"]] == [[750], [1960]]
    assert answer(*arguments, "--dask", "processes") == found
    table = run_here(*arguments)
    assert table.returncode == 0
    assert "Grass     200.0000   0.2667" in table.stdout


def test_tables_have_all_zones_periods_and_classes(folder, tmp_path):
    arguments = "stats", folder / "cube", "--zones", folder / "zones.gpkg", "--name", "name", "--by", "period"
    for name in ("areas.csv", "areas.parquet"):
        assert run_here(*arguments, "--out", tmp_path / name).returncode == 0
    rows = list(csv.DictReader((tmp_path / "areas.csv").open()))
    assert [(row["zone"], row["class"]) for row in rows[:4]] == [
        *(("west", name) for name in ("Tree", "Grass", "Water")),
        ("east", "Tree"),
    ]
    assert float(rows[1]["hectares"]) == pytest.approx(200)
    frame = geopandas.read_parquet(tmp_path / "areas.parquet")
    assert frame.crs.to_epsg() == 3035
    assert frame["Grass_hectares"].tolist() == pytest.approx([200, 200])
    assert frame.geometry[0].area == 750e4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["areas.csv", "areas.parquet"]


@pytest.fixture(scope="module")
def modelled(folder):
    """Areas, with intervals, of two zones of 750 and 1 ha of a map that the model in `model` has made."""
    errors = ((-0.1, 0.2), (-0.02, 0.04), (0.0, 0.0))
    model = small_model(refiner=False, classes=made.CLASSES, area_errors=errors)
    model.save_pretrained(folder / "model")
    small_model(refiner=False, classes=made.CLASSES).save_pretrained(folder / "unknowing")
    small_model(refiner=False, classes=made.CLASSES, seed=3).save_pretrained(folder / "other")
    code_HW = made.plain(10)
    code_HW[100:300, 200:400] = 30
    made.published(Cube.create(folder / "modelled"), code_HW, model=model.digest[:16])
    shapes = shapely.box(1000, -3000, 4000, -500), shapely.box(1000, -600, 1100, -500)
    geopandas.GeoDataFrame({"name": ["west", "tiny"]}, geometry=list(shapes), crs=3035).to_file(folder / "two.gpkg")
    return "stats", folder / "modelled", "--zones", folder / "two.gpkg", "--name", "name", "--intervals"


def test_areas_have_intervals_by_the_errors_of_the_model_that_made_the_map(folder, modelled, tmp_path):
    found = answer(*modelled, folder / "model")
    intervals = {(row["zone"], row["class"]): row["area_interval"] for row in found["classes"]}
    assert intervals["west", "Tree"] == pytest.approx([275, 500])
    assert intervals["west", "Grass"] == pytest.approx([385, 430])
    assert intervals["tiny", "Tree"] is None
    for name in ("areas.csv", "areas.parquet"):
        assert run_here(*modelled, folder / "model", "--out", tmp_path / name).returncode == 0
    rows = list(csv.DictReader((tmp_path / "areas.csv").open()))
    assert [float(rows[1][f"hectares_{end}"]) for end in ("low", "high")] == pytest.approx([385, 430])
    frame = geopandas.read_parquet(tmp_path / "areas.parquet")
    assert frame["Tree_hectares_high"].tolist()[0] == pytest.approx(500)


def test_intervals_need_the_model_that_made_the_map_and_one_that_knows_its_errors(folder, modelled):
    assert "name the model that made the map" in sentence(run_here(*modelled, folder / "other"), 2)
    assert "train it with calibrate: true" in sentence(run_here(*modelled, folder / "unknowing"), 2)


def test_change_since_a_version_is_a_matrix_for_each_zone(folder, tmp_path):
    arguments = "stats", folder / "cube", "--zones", folder / "zones.gpkg", "--from-version", "previous"
    found = json.loads(run_here(*arguments, "--json", "--out", tmp_path / "change.parquet").stdout)
    hectares = {(row["zone"], row["from"], row["to"]): row["hectares"] for row in found["changes"]}
    assert hectares["1", "Grass", "Water"] == pytest.approx(200)
    assert hectares["1", "Tree", "Water"] == pytest.approx(100)
    frame = geopandas.read_parquet(tmp_path / "change.parquet")
    assert frame["Grass_to_Water_hectares"].tolist() == pytest.approx([200, 200])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--zones", "nowhere.gpkg"], "there is no file nowhere.gpkg"),
        (["--zones", "zones.gpkg", "--name", "region"], "no column 'region'; it has name"),
        (["--zones", "far.gpkg"], "none of the 2 zones touches the cube's region"),
        (["--zones", "none.gpkg"], "has no features"),
        (["--zones", "zones.gpkg", "--period", "2020"], "--period is '2020'; give the first day"),
        (["--zones", "zones.gpkg", "--period", "2020-01-01"], "no period from 2020-01-01; give one of 2024-05-01"),
        (["--zones", "zones.gpkg", "--out", "areas.xlsx"], "name a file that ends in .csv or .parquet"),
        (["--zones", "zones.gpkg", "--by", "period", "--period", "2024-05-01"], "give one of them"),
        (["--zones", "zones.gpkg", "--confidence", "--from-version", "previous"], "go with areas"),
    ],
)
def test_wrong_use_is_one_sentence(folder, arguments, words):
    assert words in sentence(run_here("stats", folder / "cube", *arguments, folder=folder), 2)

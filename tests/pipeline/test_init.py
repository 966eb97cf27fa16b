"""The verb init (`init.py`, `draft.py`, `label_draft.py`): files from a box, and from them a map."""

import json

import geopandas
import pytest
import shapely
import yaml
from command import run_here, sentence
from json_schemas import check_json
from label_collection import add_labels, copy_world
from range_server import serving

from catalogs.simulated import WORLDCOVER
from pipeline.config.region_file import load as load_region
from pipeline.cube.open import open_cube
from pipeline.demo.ground import inner_bounds
from pipeline.planning.draft import _metres
from pipeline.training.recipe import load as load_recipe

PERIOD = "2024-05-01,2024-08-31"
WRITTEN = ["coarse.yaml", "refiner.yaml", "region.yaml"]


@pytest.fixture(scope="module")
def published(world, tmp_path_factory):
    """The world with a label collection beside its scenes, as a catalog."""
    copied = copy_world(world, tmp_path_factory.mktemp("published") / "world")
    add_labels(copied)
    return copied


@pytest.fixture
def init(published, tmp_path):
    west, south, east, north = inner_bounds(published)
    box = ",".join(f"{side:.4f}" for side in (west, south, east, north))

    def run(**options):
        given = {"bbox": box, "period": PERIOD, "catalog": published.catalog} | options
        options = ((f"--{key.replace('_', '-')}", value) for key, value in given.items())
        words = [word for option in options for word in option if word is not None]
        return run_here("init", tmp_path / "Upper_Bavaria", *words)

    return run


def test_a_box_becomes_a_region_and_two_recipes_that_load(init, tmp_path):
    done = init()
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "Upper_Bavaria"
    assert sorted(path.name for path in folder.iterdir()) == WRITTEN
    region = load_region(folder / "region.yaml", with_model=False)
    assert (region.name, region.collection, region.grid.resolution) == ("upper-bavaria", "sentinel-2-l2a", 10)
    assert region.grid.crs in ("EPSG:32632", "EPSG:32633")
    assert "UTM zones 32, 33" in " ".join(done.stdout.split())
    coarse, refiner = (load_recipe(folder / name) for name in ("coarse.yaml", "refiner.yaml"))
    assert coarse.areas.maps[0].asset == "map"
    assert coarse.areas.bbox[2] == refiner.areas.bbox[0], "the refiner learns where its coarse network has not"
    assert coarse.model == refiner.model == region.model
    printed = " ".join(done.stdout.split())
    assert all(row["name"] in printed for row in WORLDCOVER[:2])
    assert [line for line in done.stdout.splitlines() if line.startswith("idgbr ")] == [
        f"idgbr train model {folder}",
        f"idgbr run {folder / 'region.yaml'}",
    ]


def test_a_program_gets_the_files_the_plan_and_what_to_do_next(init, tmp_path):
    done = init(json=None)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    check_json(["init"], told)
    folder = tmp_path / "Upper_Bavaria"
    assert sorted(told["files"]) == [str(folder / name) for name in WRITTEN]
    assert told["commands"] == [f"idgbr train model {folder}", f"idgbr run {folder / 'region.yaml'}"]
    assert told["classes"] == [row["name"] for row in WORLDCOVER]
    assert (told["collection"], told["resolution"]) == ("sentinel-2-l2a", 10)
    assert told["plan"]["run"] is None, "there is no model yet, and no run"
    assert told["plan"]["to_mosaic"] == len(told["plan"]["stream"]) > 0


def test_a_failure_is_json_too(init):
    done = init(json=None, labels="corine")
    assert done.returncode == 2
    assert "has no collection 'corine'" in json.loads(done.stdout)["error"]


def test_a_folder_whose_name_cannot_name_a_region_is_refused_by_its_name(tmp_path):
    words = ("--bbox", "12.0,48.4,12.1,48.5", "--period", PERIOD, "--catalog", "nowhere")
    assert "the folder is called 'Tirolö'" in sentence(run_here("init", tmp_path / "Tirolö", *words), 2)


def test_nothing_is_overwritten(init, tmp_path):
    folder = tmp_path / "Upper_Bavaria"
    folder.mkdir()
    (folder / "coarse.yaml").write_text("mine")
    assert "is not overwritten" in sentence(init(), 2)
    assert [path.read_text() for path in folder.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ({"period": "2024-08-31,2024-05-01"}, 2, "after its end"),
        ({"period": "summer"}, 2, "--period is 'summer'"),
        ({"bbox": "12.0,48.4,12.1"}, 2, "--bbox"),
        ({"bbox": "12.0,48.6,12.1,48.4"}, 2, "south < north"),
        ({"bbox": "5.0,48.4,30.0,48.6"}, 2, "--crs"),
        ({"bbox": "30.0,48.4,30.1,48.5"}, 2, "no scenes of 'sentinel-2-l2a'"),
        ({"period": "2019-05-01,2019-06-01"}, 2, "no scenes of 'sentinel-2-l2a'"),
        ({"catalog": "http://127.0.0.1:9/stac"}, 1, "127.0.0.1:9"),
        ({"catalog": "nowhere"}, 1, "no STAC catalog at nowhere"),
        ({"collection": "other"}, 2, "gives no items of 'other'"),
        ({"labels": "corine"}, 2, "has no collection 'corine'"),
        ({"crs": "EPSG:4326"}, 2, "--crs is 'EPSG:4326': WGS 84 is not in metres"),
        ({"crs": "tyrol"}, 2, "--crs is 'tyrol': no known CRS"),
        ({"resolution": "100"}, 2, "pixels of 100 m, too few to learn from"),
        ({"bbox": "12.0,48.5,12.001,48.501"}, 2, "pixels of 10 m, too few to learn from"),
        ({"column": "kind"}, 2, "--column"),
        ({"steps": "99999999999999999999999"}, 2, "--steps"),
    ],
)
def test_what_cannot_be_drafted_is_one_sentence_and_leaves_no_file(init, tmp_path, options, code, said):
    assert said in sentence(init(**options), code)
    assert not (tmp_path / "Upper_Bavaria").exists()


def test_labels_may_be_a_file_of_polygons(init, published, tmp_path):
    west, south, east, north = published.bounds_lonlat
    boxes = [shapely.box(west, south, 12.0, north), shapely.box(12.0, south, east, north)]
    table = geopandas.GeoDataFrame({"kind": ["wood", "field"]}, geometry=boxes, crs="EPSG:4326")
    table.to_file(tmp_path / "labels.gpkg")
    assert "--column" in sentence(init(labels=tmp_path / "labels.gpkg"), 2)
    done = init(labels=tmp_path / "labels.gpkg", column="kind")
    assert done.returncode == 0, done.stderr
    assert "field, wood" in " ".join(done.stdout.split())


def test_a_collection_that_no_row_knows_gets_a_draft_of_its_provider(init, published, tmp_path):
    folder = tmp_path / "renamed"
    for old in published.folder.rglob("*.json"):
        new = folder / old.relative_to(published.folder)
        new.parent.mkdir(parents=True, exist_ok=True)
        text = old.read_text().replace('"sentinel-2-l2a"', '"national"').replace("earthsearch:", "own:")
        new.write_text(text)
    for scene in published.folder.rglob("*.tif"):
        (folder / scene.relative_to(published.folder)).hardlink_to(scene)
    done = init(catalog=folder, collection="national")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "Upper_Bavaria" / "region.yaml").read_text()
    assert "# not known of national: which values of scl are clear" in text
    assert yaml.safe_load(text)["provider"]["mask"] == "none"


@pytest.mark.parametrize("transform", [{"a": 10}, 10, "10", []])
def test_a_transform_that_is_no_list_of_numbers_tells_no_size(transform):
    item = {"properties": {}, "assets": {"red": {"href": "red.tif", "proj:transform": transform}}}
    assert _metres(item, ["red"]) is None


@pytest.mark.long
def test_three_commands_lead_from_a_box_to_a_published_map(published, tmp_path):
    folder = tmp_path / "bavaria"
    west, south, east, north = inner_bounds(published)
    lon, lat = (west + east) / 2, (south + north) / 2
    box = f"{lon - 0.012:.4f},{lat - 0.008:.4f},{lon + 0.012:.4f},{lat + 0.008:.4f}"
    with serving(published.folder) as server:
        catalog = f"{server.url}/catalog.json"
        commands = (
            ("init", folder, "--bbox", box, "--period", PERIOD, "--catalog", catalog, "--steps", 2),
            ("train", "model", folder),
            ("run", folder / "region.yaml", "--address", "none"),
        )
        for words in commands:
            done = run_here(*words)
            assert done.returncode == 0, done.stderr
    cube = open_cube(folder / "cube")
    assert (cube.landcover.values > 0).mean() > 0.9
    assert [row["code"] for row in json.loads(cube.attrs["classes"])] == [row["code"] for row in WORLDCOVER]

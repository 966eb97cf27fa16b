"""Areas of a region with labels from a collection of maps, a raster, polygons and a cube; trainings on them."""

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
import yaml
from label_collection import COLLECTION, add_labels, copy_world
from rasterio.features import shapes

from catalogs.simulated import WORLDCOVER
from pipeline.errors import UserError
from pipeline.geometry.grid import LONLAT, transformer
from pipeline.training import region_areas
from pipeline.training.balance import describe_balance
from pipeline.training.prepare import load_areas, load_training
from pipeline.training.recipe import load
from pipeline.training.train import train

QUIET = {"report": lambda *step: None}
SMALL = {"widths": [8, 8, 16, 16]}


@pytest.fixture(scope="module")
def published(world, tmp_path_factory):
    """The world with a label collection of two years beside its scenes, as a catalog."""
    copied = copy_world(world, tmp_path_factory.mktemp("published") / "world")
    add_labels(copied, years=(2020, 2021))
    return copied


@pytest.fixture
def recipe_of(published, region_in, tmp_path):
    region_in(tmp_path, catalog=str(published.catalog), period=["2024-07-01", "2024-07-31"])

    def write(areas, **changes):
        content = {
            "title": "a test",
            "license": "other",
            "model": "model",
            "data": "data",
            "areas": areas,
            "split": {"by": "blocks", "size": 320},
            "steps": 2,
            "crop_size": 64,
            "batch_size": 2,
            "model_args": SMALL,
        }
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump({k: v for k, v in (content | changes).items() if v is not None}))
        return load(path)

    return write


def from_collection(**changes):
    labels = {"collection": COLLECTION, "asset": "map"}
    return {"kind": "raster", "region": "region.yaml", "maps": [labels]} | changes


def truth_of(world, path):
    """The truth on the pixels of a labelled area."""
    with rasterio.open(world.truth) as truth, rasterio.open(path) as area:
        assert area.crs == truth.crs
        row, col = truth.index(area.bounds.left + 5, area.bounds.top - 5)
        return truth.read(1)[row : row + area.height, col : col + area.width]


def test_labels_of_a_collection_lie_on_the_mosaic_and_its_table_names_the_classes(recipe_of, published, monkeypatch):
    """In tiles of the absolute lattice, over the seam of the map's own tiles; made once."""
    monkeypatch.setattr(region_areas, "TILE", 128)
    recipe = recipe_of(from_collection())
    pairs, spec = load_areas(recipe.areas, recipe.data, **QUIET)
    assert [row["name"] for row in spec.classes] == [row["name"] for row in WORLDCOVER]
    assert len(pairs) > 2
    files = sorted((recipe.data / "labels").iterdir())
    for file in files:
        with rasterio.open(file) as area, rasterio.open(recipe.data / "images" / file.name) as image:
            data_HW = image.read().any(0)
            assert (area.read(1)[data_HW] == truth_of(published, file)[data_HW]).all()
            assert data_HW.any()
    monkeypatch.setattr(region_areas, "mosaic_block", lambda *_: pytest.fail("it is made again"))
    assert len(load_areas(recipe.areas, recipe.data, **QUIET)[0]) == len(pairs)


def test_a_training_with_a_split_tells_the_balance_and_is_scored_on_what_was_kept_out(recipe_of):
    recipe, told = recipe_of(from_collection(erode=1)), []
    scores = train(recipe, "coarse", lambda *step: None, told.append)
    (balance,) = told
    areas = load_training(recipe, **QUIET)
    assert sum(row.training for row in balance) == sum((label_HW > 0).sum() for _, label_HW in areas.pairs)
    assert "kept out" in describe_balance(balance)
    assert 0 <= scores.coarse.overall_accuracy <= 100
    card = (recipe.model / "README.md").read_text()
    assert f"real scenes with labels of {COLLECTION}" in card
    assert "squares of 320 m (blocks)" in card
    assert train(recipe_of(from_collection(erode=1), steps=1, model_args={}), "refiner", lambda *step: None).refined


def test_polygons_and_a_raster_in_one_recipe(recipe_of, published, tmp_path):
    with rasterio.open(published.truth) as truth:
        rows = [
            (shapely.geometry.shape(shape), int(code))
            for shape, code in shapes(truth.read(1), transform=truth.transform)
        ]
        crs = truth.crs
    frame = geopandas.GeoDataFrame(
        {"class": [code for _, code in rows]}, geometry=[shape for shape, _ in rows], crs=crs
    )
    frame.to_file(tmp_path / "land.gpkg")
    classes = [dict(row) for row in WORLDCOVER]
    vector = {"kind": "vector", "region": "region.yaml", "path": "land.gpkg", "column": "class", "classes": classes}
    recipe = recipe_of([from_collection(classes=classes), vector])
    (first, second), _ = load_areas(recipe.areas, recipe.data, **QUIET)
    assert (first[0] == second[0]).all()
    assert (first[1] == second[1]).mean() > 0.999
    areas = load_training(recipe, **QUIET)
    assert len(areas.pairs) == len(areas.groups) == len(areas.validation) == 2


def test_features_are_kept_out_by_a_column(recipe_of, tmp_path):
    x, y = transformer(LONLAT, "EPSG:3035").transform(12.007, 48.5045)
    boxes = [shapely.box(x - 300 * i, y - 200, x - 300 * i + 250, y + 200) for i in range(3)]
    frame = geopandas.GeoDataFrame({"land": ["a", "b", "b"], "fold": [1, 1, 2]}, geometry=boxes, crs="EPSG:3035")
    frame.to_file(tmp_path / "land.gpkg")
    vector = {"kind": "vector", "region": "region.yaml", "path": "land.gpkg", "column": "land"}
    recipe = recipe_of(vector, split={"by": "column", "column": "fold", "validation": [2]})
    areas = load_training(recipe, **QUIET)
    ((_, training_HW),), ((_, validation_HW),) = areas.pairs, areas.validation
    assert set(np.unique(training_HW)) == {0, 1, 2}
    assert set(np.unique(validation_HW)) == {0, 2}
    assert not ((training_HW > 0) & (validation_HW > 0)).any()


@pytest.mark.parametrize(
    ("areas", "changes", "says"),
    [
        (from_collection(maps=[{"collection": "none", "asset": "map"}]), {}, "has no items for the region test"),
        (from_collection(maps=[{"collection": COLLECTION, "asset": "data"}]), {}, "no asset 'data' .*; it has map"),
        (from_collection(bbox=[5, 5, 6, 6]), {}, "lies outside the region test"),
        (from_collection(erode=64), {}, "none of the pixels of test has a label"),
        (from_collection(), {"split": {"by": "column", "column": "a", "validation": ["b"]}}, "by the column 'a'"),
        (from_collection(), {"split": {"by": "blocks", "size": 99_000}}, "split.size is 99000 m"),
    ],
)
def test_areas_that_cannot_be_made_are_told_in_one_sentence(recipe_of, areas, changes, says):
    with pytest.raises(UserError, match=says) as told:
        load_training(recipe_of(areas, **changes), **QUIET)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("areas", "changes", "says"),
    [
        (from_collection(), {"split": None}, "one of 'validation' and 'split'"),
        (from_collection(colour=1), {}, "areas.colour"),
        ([from_collection(), from_collection(maps=[])], {}, "maps"),
        ([from_collection(), {"kind": "dreams"}], {}, "must be one of .*'vector'"),
        (from_collection(bbox=[12.0, 49.0, 12.1, 48.5]), {}, "bbox is .*: must be .west, south"),
        ([], {}, "areas"),
    ],
)
def test_a_wrong_recipe_of_such_areas_is_told_in_one_sentence(recipe_of, areas, changes, says):
    with pytest.raises(UserError, match=says) as told:
        recipe_of(areas, **changes)
    assert "\n" not in str(told.value)


def test_what_a_newer_year_of_a_collection_says_counts(recipe_of, published):
    tile = published.folder / COLLECTION / f"{COLLECTION}_2020_0" / "map.tif"
    with rasterio.open(tile, "r+") as target:
        target.write(np.full((target.height, target.width), 80, np.uint8), 1)
    pairs, _ = load_areas(recipe_of(from_collection()).areas, recipe_of(from_collection()).data, **QUIET)
    old = {"collection": COLLECTION, "asset": "map", "period": ["2020-01-01", "2020-12-31"]}
    older, _ = load_areas(recipe_of(from_collection(maps=[old])).areas, recipe_of(from_collection()).data, **QUIET)
    assert (pairs[0][1] == 80).mean() + 0.05 < (older[0][1] == 80).mean()

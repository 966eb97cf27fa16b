"""Photographs of 8 bits without a mask, from polygons to a published map: what its mosaic shows, and its scores."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from photo_region import (
    CRS,
    LEFT,
    METRES,
    ROLES,
    TOP,
    Photo,
    differences,
    labels_in,
    lay_out,
    score_map_and_model,
    write_recipe,
)
from PIL import Image
from typer.testing import CliRunner

import pipeline
from pipeline.analysis.picture import true_colour
from pipeline.cli.command import app
from pipeline.cube.create import unit_of
from pipeline.geometry.grid import LONLAT, transformer
from pipeline.mosaic.block import mosaic_block
from pipeline.mosaic.params import mosaic_params
from pipeline.training.recipe import load
from pipeline.training.train import train

CLASSES = [
    {"code": 1, "name": "roof", "color": "#b03030"},
    {"code": 2, "name": "grass", "color": "#30b030"},
    {"code": 3, "name": "asphalt", "color": "#303030"},
]
SIDE = 96
DUBAI = ["building", "land", "road", "vegetation", "water"]
QUIET = {"report": lambda *step: None, "tell": lambda *told: None}
realdata = pytest.mark.skipif("IDGBR_DATA" not in os.environ, reason="IDGBR_DATA is not set: no real photographs here")


def made_photo(number: int, bands: int = 3, **facts) -> Photo:
    """Grass, bright in near infrared, a road in which pixels are black in all bands, and roofs."""
    random = np.random.default_rng(number)
    label_HW = np.full((SIDE, SIDE), 2, np.uint8)
    label_HW[:, 30 + number : 44 + number] = 3
    label_HW[8:28, 56:84] = label_HW[50:70, 4:24] = 1
    colour_KB = np.array([[0, 0, 0, 0], [200, 60, 40, 90], [60, 170, 50, 250], [0, 0, 0, 0]], np.int16)
    image_HWB = colour_KB[label_HW, :bands] + random.integers(0, 3, (SIDE, SIDE, 1))
    return Photo(f"photo-{number}", np.moveaxis(image_HWB, -1, 0).astype(np.uint8), label_HW, **facts)


def made_photos(bands: int) -> list[Photo]:
    return [made_photo(number, bands, fold="validation" if number == 3 else "training") for number in range(4)]


PHOTOS = made_photos(3)


@pytest.fixture(scope="module", params=[pytest.param(3, id="RGB"), pytest.param(4, id="RGBN")])
def photos(request):
    return made_photos(request.param)


@pytest.fixture(scope="module")
def mapped(tmp_path_factory, photos):
    """A region of four photographs, whose model learned from their polygons, planned and run once."""
    region = lay_out(tmp_path_factory.mktemp("photographs"), photos, CLASSES, across=2, grid=grid_of(256))
    for network, settings in (("coarse", {"widths": [8, 8, 16, 16]}), ("refiner", {"widths": [8, 8, 16, 16]})):
        model_args = settings if network == "coarse" else settings | {"full": 8}
        recipe = write_recipe(region, network, CLASSES, steps=6, crop_size=64, batch_size=2, model_args=model_args)
        train(load(recipe), network, **QUIET)
    settings = pipeline.load(region.file)
    assert pipeline.plan(settings).bands == ROLES[: len(photos[0].image_BHW)]
    pipeline.run(settings)
    return region


def grid_of(block):
    return {"crs": CRS, "resolution": METRES, "block": block}


def test_every_grey_value_is_data_black_too(mapped, photos):
    """The mosaic is the photographs, number by number; where none lies there is no data."""
    settings = pipeline.load(mapped.file)
    cube = pipeline.open_cube(settings.cube).isel(time=0)
    label_HW = labels_in(settings.extent.window, mapped, photos)
    stored_BHW = cube.mosaic.values
    assert ((stored_BHW > 0).all(0) == (label_HW > 0)).all()
    assert ((cube.landcover.values > 0) == (label_HW > 0)).all()
    for photo in photos:
        row, col = mapped.corners[photo.name]
        y, x = row - round(TOP / METRES), col + round(LEFT / METRES)
        window = settings.extent.window
        rows, cols = slice(y - window.y0, y - window.y0 + SIDE), slice(x - window.x0, x - window.x0 + SIDE)
        assert (stored_BHW[:, rows, cols] == photo.image_BHW.astype(int) + 1).all()
        shown_HW3 = true_colour(stored_BHW[:, rows, cols], cube.band.values.tolist(), unit_of(cube.mosaic.attrs))
        assert (np.rint(shown_HW3 * 255) == np.moveaxis(photo.image_BHW[:3], 0, -1)).all()
    assert any((photo.image_BHW == 0).all(0).any() for photo in photos)


def test_the_map_scores_as_the_model_does_on_the_same_pixels(mapped, photos):
    """All scores, of coarse and refined map, to the last digit: windows lie alike and draw the same noise."""
    of_map, of_model = score_map_and_model(mapped, photos)
    found = differences(of_map, of_model)
    assert len(found) > 20
    assert max(found.values()) == 0
    assert of_map.refined is not None


def test_a_point_tells_grey_values_and_an_export_the_classes(mapped, photos, tmp_path):
    settings = pipeline.load(mapped.file)
    photo = photos[0]
    lon, lat = transformer(CRS, LONLAT).transform(LEFT + 60.5 * METRES, TOP - 10.5 * METRES)
    result = CliRunner().invoke(app, ["query", str(settings.cube), "--point", f"{lon},{lat}", "--json"])
    assert result.exit_code == 0, result.output
    (period,) = json.loads(result.stdout)["periods"]
    values = dict(zip(ROLES, photo.image_BHW[:, 10, 60].tolist(), strict=False))
    assert period["reflectance"] == values
    cog = tmp_path / "map.tif"
    assert CliRunner().invoke(app, ["export", str(settings.cube), "--cog", str(cog)]).exit_code == 0
    cube = pipeline.open_cube(settings.cube).isel(time=0)
    assert (np.array(Image.open(cog)) == cube.landcover.values).all()


@pytest.mark.parametrize(("method", "wins"), [("newest", 1), ("best", 0)])
def test_of_two_photographs_of_one_place_the_newest_or_that_of_the_best_day_counts(tmp_path, method, wins):
    days = ("2020-07-02", "2020-09-01")
    photos = [Photo(f"photo-{day}", PHOTOS[at].image_BHW, PHOTOS[at].label_HW, day=day) for at, day in enumerate(days)]
    mosaic = {"method": method, "resampling": "nearest"}
    region = lay_out(tmp_path, photos, CLASSES, across=1, grid=grid_of(256), mosaic=mosaic, stacked=True)
    settings = pipeline.load(region.file, with_model=False)
    made = pipeline.plan(settings.model_copy(update={"model": None}))
    assert made.bands == ("red", "green", "blue")
    block = mosaic_block(settings.extent.grid, settings.extent.window, made.scenes, made.bands, mosaic_params(settings))
    seen_HW = (block.mosaic_BHW > 0).all(0)
    assert seen_HW.sum() == SIDE**2
    assert (block.mosaic_BHW[:, seen_HW] == photos[wins].image_BHW.reshape(3, -1).astype(int) + 1).all()


@realdata
@pytest.mark.long
def test_a_map_of_real_photographs_scores_as_the_model_does_on_the_same_pixels(tmp_path):
    home = Path(os.environ["IDGBR_DATA"]).resolve() / "dubai_aerial"
    classes = [{"code": at, "name": name, "color": f"#{at * 40:02x}8080"} for at, name in enumerate(DUBAI, 1)]
    photos = []
    for part in (4, 5, 6, 7):
        stem = f"tile2_part{part:03d}"
        image_HWB = np.array(Image.open(home / "images" / f"{stem}.jpg"))
        label_HW = np.array(Image.open(home / "labels" / f"{stem}.png"))
        label_HW = np.where(label_HW < len(DUBAI), label_HW + 1, 0).astype(np.uint8)
        fold = "validation" if part == 7 else "training"
        photos.append(Photo(f"part-{part}", np.moveaxis(image_HWB, -1, 0), label_HW, fold))
    region = lay_out(tmp_path, photos, classes, across=2)
    recipe = write_recipe(
        region, "coarse", classes, steps=100, crop_size=96, threads=1, model_args={"widths": [12, 24, 32, 48]}
    )
    train(load(recipe), "coarse", **QUIET)
    pipeline.run(pipeline.load(region.file))
    of_map, of_model = score_map_and_model(region, photos, ["validation"])
    assert max(differences(of_map, of_model).values()) == 0
    label_HW = photos[-1].label_HW
    majority = 100 * np.bincount(label_HW[label_HW > 0]).max() / (label_HW > 0).sum()
    assert of_map.coarse.overall_accuracy > majority - 5

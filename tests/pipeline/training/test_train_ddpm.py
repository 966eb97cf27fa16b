"""`idgbr train ddpm` and where its images come from.

Covers `train_ddpm.py`, `ddpm_recipe.py`, `unlabelled.py` and `sample_sheet.py`.
"""

import json

import numpy as np
import pytest
import rasterio
import yaml
from command import run_here

from pipeline.errors import UserError
from pipeline.training.ddpm_recipe import load_ddpm
from pipeline.training.sample_sheet import write_sheet
from pipeline.training.train_ddpm import train_ddpm
from pipeline.training.unlabelled import load_images

QUIET = {"report": lambda *step: None}
SOUTH, NORTH = [11.997, 48.4975, 12.017, 48.5045], [11.997, 48.5045, 12.017, 48.5115]
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.fixture
def photos(tmp_path):
    """Pictures of stripes, three of which lie in the north."""
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for stem in ("north-1", "north-2", "north-3", "south-1"):
        stripes = 60 + 120 * (np.arange(48) // 6 % 2)[None, None] + random.integers(0, 20, (3, 48, 48))
        with rasterio.open(
            folder / f"{stem}.png", "w", driver="PNG", count=3, width=48, height=48, dtype="uint8"
        ) as to:
            to.write(stripes.astype(np.uint8))
    return folder


@pytest.fixture
def recipe(tmp_path, photos):
    def write(**changes):
        images = {"kind": "images", "path": "photos", "bands": ["red", "green", "blue"], "nodata": None}
        content = {
            "title": "a test",
            "license": "apache-2.0",
            "model": "model",
            "data": "data",
            "areas": images | {"include": ["north*"]},
            "validation": images | {"include": ["south*"]},
            "model_args": {"inner": 8, "multipliers": [1, 1, 1]},
            "steps": 2,
            "crop_size": 32,
            "batch_size": 2,
            "sampling_steps": 2,
        }
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(content | changes))
        return path

    return write


def test_the_command_leaves_a_network_with_card_errors_and_pictures(recipe, tmp_path):
    done = run_here("train", "ddpm", recipe())
    assert done.returncode == 0, done.stderr
    assert "pixel alone" in done.stdout
    model = tmp_path / "model"
    assert {path.name for path in model.iterdir()} == {
        "config.json",
        "diffusion_pytorch_model.safetensors",
        "denoising.json",
        "samples.png",
        "training.json",
        "README.md",
        "ddpm.finished.json",
    }
    errors = json.loads((model / "denoising.json").read_text())
    assert [error["step"] for error in errors] == sorted(error["step"] for error in errors)
    card = (model / "README.md").read_text()
    assert "a folder of images, of it north*" in card
    assert str(tmp_path) not in card + (model / "training.json").read_text()
    with rasterio.open(model / "samples.png") as sheet:
        assert sheet.shape == (2 * 32 + 4, 6 * 32 + 5 * 4)


def test_a_stopped_training_goes_on_to_the_same_network(recipe, tmp_path, monkeypatch):
    def weights():
        return (tmp_path / "model" / "diffusion_pytorch_model.safetensors").read_bytes()

    monkeypatch.setattr("pipeline.training.train_ddpm.SAVE_EVERY", 1)
    train_ddpm(load_ddpm(recipe(steps=4)), **QUIET)
    whole = weights()
    (tmp_path / "model" / "diffusion_pytorch_model.safetensors").unlink()

    def stop(done, total, note):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_ddpm(load_ddpm(recipe(steps=4)), stop)
    steps = []
    train_ddpm(load_ddpm(recipe(steps=4)), lambda done, total, note: steps.append(done))
    assert steps[0] > 1
    assert weights() == whole


def test_a_finished_recipe_is_kept_unless_it_is_asked_for_again_or_its_images_change(recipe, photos, tmp_path):
    weights = tmp_path / "model" / "diffusion_pytorch_model.safetensors"
    first = run_here("train", "ddpm", recipe())
    made = weights.stat()
    second = run_here("train", "ddpm", recipe())
    assert second.returncode == 0
    assert "has finished this recipe on the same data, and is kept; --again trains it anew" in second.stderr
    assert "steps/s" not in second.stderr
    assert (second.stdout, weights.stat()) == (first.stdout, made)

    third = run_here("train", "ddpm", recipe(), "--again")
    assert "is kept" not in third.stderr
    assert (third.stdout, weights.stat().st_mtime_ns > made.st_mtime_ns) == (first.stdout, True)
    (photos / "north-3.png").write_bytes((photos / "south-1.png").read_bytes())
    assert "is kept" not in run_here("train", "ddpm", recipe()).stderr


def test_an_interrupt_after_the_last_step_loses_none(recipe, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as drawing:
        drawing.setattr("idgbr.training.denoising.draw_samples", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train_ddpm(load_ddpm(recipe()), **QUIET)
    steps = []
    train_ddpm(load_ddpm(recipe()), lambda done, total, note: steps.append(done))
    assert steps == []


def test_other_bands_of_the_validation_are_told_before_any_training(recipe):
    other = {"kind": "images", "path": "photos", "bands": ["red", "green", "nir"]}
    with pytest.raises(UserError, match=r"bands red, green, blue, but the validation red, green, nir"):
        train_ddpm(load_ddpm(recipe(validation=other)), lambda *step: pytest.fail("it has begun to train"))


@pytest.mark.parametrize(
    ("areas", "says"),
    [
        ({"path": "photos", "include": ["east*"]}, "no image whose stem fits 'include': east"),
        ({"path": "nowhere"}, "there is no folder"),
        ({"path": "photos", "bands": ["grey"]}, r"has 3 bands, but the recipe names 1: grey"),
    ],
)
def test_a_folder_that_does_not_fit_is_told_in_one_sentence(recipe, areas, says):
    content = {"kind": "images", "bands": ["red", "green", "blue"]} | areas
    with pytest.raises(UserError, match=says):
        load_images(load_ddpm(recipe(areas=content)).areas, None, **QUIET)


def test_windows_of_a_cube_are_drawn_from_its_mosaics_within_the_box(recipe, undisturbed, tmp_path):
    from pipeline import open_cube

    region, _ = undisturbed
    content = {"kind": "cube", "path": str(region.cube), "windows": 3, "side": 64, "bbox": SOUTH}
    made = load_images(load_ddpm(recipe(areas=content)).areas, tmp_path, **QUIET)
    again = load_images(load_ddpm(recipe(areas=content)).areas, tmp_path, **QUIET)
    others = load_images(load_ddpm(recipe(areas=content | {"seed": 1})).areas, tmp_path, **QUIET)
    assert made.bands == ("blue", "green", "red", "nir")
    assert [image.shape for image in made.images] == [(4, 64, 64)] * 3
    assert all((a == b).all() for a, b in zip(made.images, again.images, strict=True))
    assert not all((a == b).all() for a, b in zip(made.images, others.images, strict=True))
    mosaic = open_cube(region.cube).mosaic.values[0]
    for image in made.images:
        places = np.lib.stride_tricks.sliding_window_view(mosaic[0], (8, 8))
        assert (places == image[0, :8, :8]).all((2, 3)).any()


def test_too_many_windows_of_a_cube_are_told(recipe, undisturbed, tmp_path):
    region, _ = undisturbed
    content = {"kind": "cube", "path": str(region.cube), "bbox": [2.0, 40.0, 2.1, 40.1]}
    with pytest.raises(UserError, match="lies outside the cube"):
        load_images(load_ddpm(recipe(areas=content)).areas, tmp_path, **QUIET)


def test_a_part_of_a_region_becomes_its_mosaic_once(recipe, region_in, tmp_path):
    region_in(tmp_path)
    content = {"kind": "scenes", "region": "region.yaml", "bbox": NORTH}
    areas = load_ddpm(recipe(areas=content)).areas
    made = load_images(areas, tmp_path / "data", **QUIET)
    (image,) = made.images
    assert made.bands == ("blue", "green", "red", "nir")
    assert (image != 0).any(0).mean() > 0.9
    (file,) = (tmp_path / "data" / "unlabelled").iterdir()
    made_at = file.stat().st_mtime_ns
    assert (load_images(areas, tmp_path / "data", **QUIET).images[0] == image).all()
    assert file.stat().st_mtime_ns == made_at


def test_a_sheet_shows_red_green_and_blue_wherever_they_stand(tmp_path):
    image = np.full((1, 4, 2, 2), -1.0)
    image[:, 2] = 1.0
    write_sheet(tmp_path / "it.png", [image], ["blue", "green", "red", "nir"])
    with rasterio.open(tmp_path / "it.png") as sheet:
        assert sheet.read()[:, 0, 0].tolist() == [255, 0, 0]


@pytest.mark.long
def test_two_ranks_train_one_network(recipe, tmp_path):
    errors = train_ddpm(load_ddpm(recipe(workers=2)), **QUIET)
    assert all(np.isfinite(error.error) for error in errors)
    assert (tmp_path / "model" / "README.md").is_file()

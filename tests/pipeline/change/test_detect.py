"""`idgbr detect-change` of rasters and of periods of a cube. Covers dates and probability_file."""

import json
import re
import warnings
from datetime import date

import numpy as np
import pytest
import rasterio
import torch
import xarray
import zarr
from change_files import write_raster
from change_toys import BANDS, tiny_change_model, two_dates
from command import answer, run_here, sentence
from made_versions import LAYOUT, ORIGIN
from rasterio.errors import NotGeoreferencedWarning

from pipeline.change import detect as detect_module
from pipeline.change.dates import rasters
from pipeline.change.detect import detect
from pipeline.cube import store, versions
from pipeline.cube.create import add_period
from pipeline.cube.cube import Cube
from pipeline.cube.schema import Layout
from pipeline.export.block_parts import part_of
from pipeline.export.target import PARTS

real = detect_module.probability
SIZE = 50, 60
PERIODS = [(date(2023, 5, 1), date(2023, 8, 31)), (date(2024, 5, 1), date(2024, 8, 31))]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    torch.set_num_threads(1)
    monkeypatch.setattr(detect_module, "BLOCK", 32)


@pytest.fixture(scope="module")
def images():
    before_CHW, after_CHW, _ = two_dates(3, *SIZE)
    before_CHW[:, 10:15, 30:44] = 0
    return before_CHW, after_CHW


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    tiny_change_model().save_pretrained(folder)
    return folder


@pytest.fixture
def files(tmp_path, images):
    return [write_raster(tmp_path / f"{name}.tif", image) for name, image in zip("ab", images, strict=True)]


@pytest.fixture(scope="module")
def whole(images):
    """The probability of all of it at once, of rasters whose first pixel is (-300000, 400000)."""
    return tiny_change_model()(*images, (-300_000, 400_000)).probability_HW


def describe(file, names):
    with rasterio.open(file, "r+") as target:
        target.descriptions = names


def read(file):
    with rasterio.open(file) as source:
        return source.read(1)


def test_a_pair_of_rasters_becomes_a_cog_that_does_not_depend_on_its_blocks(files, model, tmp_path, whole):
    out = tmp_path / "plain.tif"
    found = answer("detect-change", *files, "--model", model, "--out", out)
    assert np.array_equal(read(out), whole, equal_nan=True)
    with rasterio.open(out) as source, rasterio.open(files[0]) as first:
        assert (source.crs, source.transform) == (first.crs, first.transform)
        assert np.isnan(source.nodata)
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (source.tags()["BEFORE"], source.tags()["AFTER"]) == ("a.tif", "b.tif")
        assert source.tags()["MODEL"] == found["model"] == tiny_change_model().digest
    assert found["pixels"] + found["no_data"] == whole.size
    assert found["no_data"] == 70
    assert found["changed"] == int((whole > 0.5).sum())
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.tif", "b.tif", "plain.tif"]


@pytest.mark.long
def test_zarr_is_written_too_with_its_coordinates(files, model, tmp_path, whole):
    done = run_here("detect-change", *files, "--model", model, "--out", tmp_path / "change.zarr")
    assert done.returncode == 0, done.stderr
    assert "of 2,930 pixels" in done.stdout
    with xarray.open_zarr(tmp_path / "change.zarr") as opened:
        assert np.array_equal(opened.probability.values, whole, equal_nan=True)
        assert (float(opened.x[0]), float(opened.y[0])) == (4_000_005, 2_999_995)
        assert "EPSG" in opened.spatial_ref.attrs["crs_wkt"]


@pytest.mark.long
def test_a_part_of_the_same_ground_has_the_same_probability(images, model, tmp_path, whole):
    """The rasters begin elsewhere, by whole pixels; inside the halo of their edges all is the same."""
    rows, cols = slice(0, 50), slice(7, 60)
    files = [
        write_raster(tmp_path / f"{name}.tif", image[:, rows, cols], left=4_000_070)
        for name, image in zip("ab", images, strict=True)
    ]
    assert run_here("detect-change", *files, "--model", model, "--out", tmp_path / "out.tif").returncode == 0
    halo = tiny_change_model().halo
    assert np.array_equal(read(tmp_path / "out.tif")[:, halo:], whole[:, 7 + halo :], equal_nan=True)


def test_an_interrupted_detection_goes_on_with_its_blocks(files, model, tmp_path, whole, monkeypatch):
    pipeline, out = tiny_change_model(), tmp_path / "change.tif"

    def stop(done, total, what):
        if done == 2:
            raise KeyboardInterrupt

    with rasters(*files, BANDS, 0) as dates:
        with pytest.raises(KeyboardInterrupt):
            detect(pipeline, dates, out, stop)
        assert not out.exists()
        kept = sorted((tmp_path / "change.tif.partial" / PARTS).iterdir())
        assert len(kept) == 2
        seen = []
        monkeypatch.setattr(detect_module, "probability", lambda *args: seen.append(args[2]) or real(*args))
        detect(pipeline, dates, out)
        assert not {part_of(tmp_path / "change.tif.partial", window) for window in seen} & set(kept)
    assert np.array_equal(read(out), whole, equal_nan=True)


def test_an_interrupted_detection_of_other_rasters_is_not_gone_on_with(files, model, tmp_path):
    pipeline, out = tiny_change_model(), tmp_path / "change.tif"

    def stop(done, total, what):
        raise KeyboardInterrupt

    with rasters(*files, BANDS, 0) as dates, pytest.raises(KeyboardInterrupt):
        detect(pipeline, dates, out, stop)
    told = run_here("detect-change", *reversed(files), "--model", model, "--out", out)
    assert "holds an interrupted export of something else" in sentence(told, 2)


def test_pixels_that_a_file_says_hold_no_data_have_no_probability(images, tmp_path):
    before_CHW, after_CHW = images
    tagged_CHW = after_CHW.copy()
    tagged_CHW[:, 40:42, 5] = 9
    files = [
        write_raster(tmp_path / "a.tif", before_CHW),
        write_raster(tmp_path / "b.tif", tagged_CHW, nodata=9),
    ]
    with rasters(*files, BANDS, 0) as dates:
        probability_HW = detect_module.probability(tiny_change_model(), dates, dates.window)
    assert np.isnan(probability_HW[40:42, 5]).all()
    assert np.isnan(probability_HW).sum() == 72


@pytest.mark.long
def test_photos_without_georeference_need_only_one_size(images, model, tmp_path):
    shown = [np.clip(image // 10, 1, 255).astype(np.uint8) for image in images]
    files = [
        write_raster(tmp_path / f"{name}.png", image, crs=None, driver="PNG")
        for name, image in zip("ab", shown, strict=True)
    ]
    done = run_here("detect-change", *files, "--model", model, "--out", tmp_path / "out.tif")
    assert done.returncode == 0, done.stderr
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        values_HW = read(tmp_path / "out.tif")
    assert np.array_equal(values_HW, tiny_change_model()(*shown).probability_HW, equal_nan=True)


def test_bands_are_taken_by_their_names(files, images, tmp_path):
    turned = write_raster(tmp_path / "turned.tif", images[1][[2, 0, 1, 0]])
    describe(turned, ("nir", "red", "green", "quality"))
    with rasters(files[0], turned, BANDS, 0) as dates:
        for read_BHW, image_BHW in zip(dates.read(dates.window), images, strict=True):
            assert np.array_equal(read_BHW, image_BHW)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda file, image: describe(file, ("B4", "B3", "B8")),
            "has the bands B4, B3, B8, but the model takes red, gr",
        ),
        (lambda file, image: describe(file, ("red", "green", "swir")), "there is no nir"),
        (lambda file, image: write_raster(file, image[:, :, :40]), "a.tif is 60 x 50 px, but .*b.tif 40 x 50"),
        (lambda file, image: write_raster(file, image, left=4_000_004), "bring them to one grid first"),
        (lambda file, image: write_raster(file, image, crs="EPSG:32633"), "bring them to one grid first"),
        (lambda file, image: write_raster(file, image[:2]), "has 2 bands, but the model takes 3: red, green, nir"),
        (lambda file, image: file.write_text("no raster"), "cannot be read as PNG, JPEG or GeoTIFF"),
        (lambda file, image: file.unlink(), "there is no file"),
    ],
)
def test_rasters_that_do_not_fit_are_told_in_one_sentence(files, images, model, tmp_path, change, says):
    change(files[1], images[1])
    told = run_here("detect-change", *files, "--model", model, "--out", tmp_path / "out.tif")
    assert re.search(says, sentence(told, 2))
    assert not (tmp_path / "out.tif").exists()


@pytest.fixture(scope="module")
def cube(tmp_path_factory, images):
    """Two periods of which the first 50 x 60 pixels have a mosaic, with a band more than the model has."""
    location = tmp_path_factory.mktemp("cube") / "cube"
    made = Cube.create(location)
    layout = Layout(LAYOUT.extent, ("blue", "nir", "red", "green"), LAYOUT.classes)
    branch = "run-a"
    base = versions.start_branch(made, branch)
    session = made.repository.writable_session(branch)
    group = zarr.open_group(session.store)
    for period, image_CHW in zip(PERIODS, images, strict=True):
        time = add_period(group, layout, period)
        red, green, nir = image_CHW
        store.array(group, "mosaic")[time, :, : SIZE[0], : SIZE[1]] = np.stack([red * 0 + 1, nir, red, green])
    session.commit("mosaics")
    versions.publish(made, branch, base, ORIGIN)
    return location


def test_two_periods_of_a_cube_are_compared_by_the_names_of_their_bands(cube, model, tmp_path, images, monkeypatch):
    monkeypatch.setattr(detect_module, "BLOCK", 256)
    line = ["detect-change", cube, "--model", model, "--from", "2023-05-01", "--to", "2024-05-01"]
    found = answer(*line, "--out", tmp_path / "out.tif")
    values_HW = read(tmp_path / "out.tif")
    assert values_HW.shape == (512, 700)
    assert np.isnan(values_HW[50:]).all()
    expected_HW = tiny_change_model()(*images, (0, 0)).probability_HW
    halo = tiny_change_model().halo
    assert np.array_equal(values_HW[: 50 - halo, : 60 - halo], expected_HW[: 50 - halo, : 60 - halo], equal_nan=True)
    with rasterio.open(tmp_path / "out.tif") as source:
        assert source.crs.to_epsg() == 3035
        assert (source.tags()["BEFORE"], source.tags()["AFTER"]) == ("2023-05-01", "2024-05-01")
    assert json.dumps(found)


def test_nothing_is_written_into_the_cube(cube, model):
    line = ["detect-change", cube, "--model", model, "--from", "2023-05-01", "--to", "2024-05-01", "--out"]
    assert "lies inside the cube at" in sentence(run_here(*line, cube / "change.tif"), 2)


def test_periods_and_bands_that_a_cube_lacks_are_told(cube, model, tmp_path):
    line = ["detect-change", cube, "--model", model, "--out", tmp_path / "out.tif", "--from", "2023-05-01", "--to"]
    assert "has no period from 2022-05-01; give one of 2023-05-01, 2024-05-01" in sentence(
        run_here(*line, "2022-05-01"), 2
    )
    assert "give two periods" in sentence(run_here(*line, "2023-05-01"), 2)
    tiny_change_model(bands=("red", "green", "swir")).save_pretrained(tmp_path / "other")
    line[3] = tmp_path / "other"
    assert "but the cube has no swir: its mosaic has blue, nir, red, green" in sentence(
        run_here(*line, "2024-05-01"), 2
    )

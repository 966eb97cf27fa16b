"""`idgbr predict`: the map of a raster on disk is that of its pixels as an array. Covers `image.py`."""

import re

import numpy as np
import pytest
import rasterio
import torch
from change_files import write_raster
from command import answer, run_here, sentence
from map_model import save_model
from rasterio.control import GroundControlPoint

from idgbr import IDGBRPipeline
from pipeline.export.block_parts import part_of
from pipeline.prediction import predict as predict_module
from pipeline.prediction.image import image_windows
from pipeline.prediction.predict import predict

SIZE = 150, 170
ORIGIN = -300_000, 400_000
"""Of the rasters that `write_raster` writes, in pixels."""


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    torch.set_num_threads(1)
    monkeypatch.setattr(predict_module, "BLOCK", 112)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def image():
    """Fields of some size, with a rectangle without data."""
    random = np.random.default_rng(3)
    fields = random.integers(300, 3000, (4, 8, 9)).repeat(20, 1).repeat(20, 2)[:, : SIZE[0], : SIZE[1]]
    image_CHW = (fields + random.integers(0, 200, (4, *SIZE))).astype(np.uint16)
    image_CHW[:, 30:50, 60:99] = 0
    return image_CHW


@pytest.fixture(scope="module")
def whole(model, image):
    """The labels of all of it at once, as an array."""
    label_BHW, _ = IDGBRPipeline.from_pretrained(model)(image[None], origin=ORIGIN)
    return label_BHW[0]


@pytest.fixture
def file(tmp_path, image):
    return write_raster(tmp_path / "image.tif", image)


def read(path):
    with rasterio.open(path) as source:
        return source.read(1)


def describe(path, names):
    with rasterio.open(path, "r+") as target:
        target.descriptions = names


def test_a_raster_becomes_a_placed_and_coloured_cog_with_the_labels_of_the_array(file, model, image, whole, tmp_path):
    out = tmp_path / "landcover.tif"
    predicted = answer("predict", file, out, "--model", model)
    assert np.array_equal(read(out), whole)
    assert len(np.unique(whole)) > 2
    with rasterio.open(out) as source, rasterio.open(file) as first:
        assert (source.crs, source.transform) == (first.crs, first.transform)
        assert (source.nodata, source.dtypes) == (0, ("uint8",))
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.tags()["CLASS_10"] == "Tree cover"
        assert source.colormap(1)[10][:3] == (0, 100, 0)
    assert "<Category>Tree cover" in (tmp_path / "landcover.tif.aux.xml").read_text()
    assert predicted["no_data"] == 20 * 39
    counts = {row["code"]: row["pixels"] for row in predicted["classes"]}
    assert counts == {code: int((whole == code).sum()) for code in counts}
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["image.tif", "landcover.tif", "landcover.tif.aux.xml"]


def test_the_labels_do_not_depend_on_the_blocks(file, model, whole, tmp_path, monkeypatch):
    for side in (64, 1000):
        monkeypatch.setattr(predict_module, "BLOCK", side)
        out = tmp_path / f"{side}.tif"
        assert run_here("predict", file, out, "--model", model).returncode == 0
        assert np.array_equal(read(out), whole)


def test_an_interrupted_prediction_goes_on_with_its_blocks(file, model, whole, tmp_path, monkeypatch):
    pipeline, out, real = IDGBRPipeline.from_pretrained(model), tmp_path / "landcover.tif", predict_module.labels
    asked = []

    def stop(model, image, block, progress=None):
        if len(asked) == 1:
            raise KeyboardInterrupt
        asked.append(block)
        return real(model, image, block, progress)

    with image_windows(file, pipeline.settings) as image:
        monkeypatch.setattr(predict_module, "labels", stop)
        with pytest.raises(KeyboardInterrupt):
            predict(pipeline, image, out)
        assert not out.exists()
        assert part_of(tmp_path / "landcover.tif.partial", asked[0]).exists()
        monkeypatch.setattr(predict_module, "labels", lambda *a, **k: asked.append(a[2]) or real(*a, **k))
        told = []
        predict(pipeline, image, out, lambda done, total, what: told.append((done, total)))
    assert len(asked) == len(set(asked)) > 1
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    assert np.array_equal(read(out), whole)


def test_bands_are_taken_by_their_names_or_as_they_are_named(model, image, tmp_path):
    turned = write_raster(tmp_path / "turned.tif", np.concatenate([image[::-1], image[:1]]))

    def bands(*names):
        with image_windows(turned, IDGBRPipeline.from_pretrained(model).settings, names or None) as windows:
            assert np.array_equal(windows.read(windows.window), image)
            return windows.bands

    assert bands("4", "3", "2", "1") == [4, 3, 2, 1]
    describe(turned, ("nir", "red", "green", "blue", "quality"))
    assert bands() == [4, 3, 2, 1]
    describe(turned, ("B8", "B4", "B3", "B2", "B1"))
    assert bands("B2", "B3", "B4", "B8") == [4, 3, 2, 1]
    says = sentence(run_here("predict", turned, tmp_path / "c.tif", "--model", model), 2)
    assert "has the bands B8, B4, B3, B2, B1, but the model takes blue, green, red, nir; say which" in says


def test_pixels_that_the_file_says_hold_no_data_have_no_label(model, image, whole, tmp_path):
    tagged = np.where(image == 0, 65_535, image).astype(np.uint16)
    file = write_raster(tmp_path / "tagged.tif", tagged, nodata=65_535)
    assert run_here("predict", file, tmp_path / "out.tif", "--model", model).returncode == 0
    assert np.array_equal(read(tmp_path / "out.tif") == 0, (image == 0).all(0))


def by_points(file, image):
    corners = [GroundControlPoint(row, col, col, -row) for row, col in ((0, 0), (0, 9), (9, 0))]
    shape = {"count": 4, "height": SIZE[0], "width": SIZE[1], "dtype": "uint16"}
    with rasterio.open(file, "w", driver="GTiff", gcps=corners, crs="EPSG:3035", **shape) as target:
        target.write(image)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda file, image: write_raster(file, image[:2]), "has 2 bands, but the model takes 4: blue, green, red"),
        (lambda file, image: write_raster(file, (image / 1e4).astype("f4")), "numbers are about .* times smaller"),
        (lambda file, image: write_raster(file, image.astype(np.complex64)), "holds numbers of the type complex64"),
        (lambda file, image: file.write_text("no raster"), "cannot be read as PNG, JPEG or GeoTIFF"),
        (lambda file, image: file.write_bytes(file.read_bytes()[:-9000]), "cannot be read to its end"),
        (lambda file, image: file.unlink(), "there is no file .*image.tif; give a GeoTIFF"),
        (by_points, "is placed by ground control points; bring it to a grid first"),
    ],
)
def test_odd_rasters_are_refused_in_a_sentence(file, model, image, tmp_path, change, says):
    change(file, image)
    done = run_here("predict", file, tmp_path / "out.tif", "--model", model)
    assert re.search(says, sentence(done, done.returncode or 2))
    assert done.returncode in (1, 2)
    assert not (tmp_path / "out.tif").exists()


def test_a_file_that_is_stored_in_one_huge_piece_is_refused(file, model, tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.prediction.image.MAX_BLOCK_PIXELS", 1000)
    says = sentence(run_here("predict", file, tmp_path / "out.tif", "--model", model), 2)
    assert "px in one piece, and 1,000 are read at once; write it in tiles" in says

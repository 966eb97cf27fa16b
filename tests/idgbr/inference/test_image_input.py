"""What may be given as an image: lists, one image without a batch, DataArrays with names and coordinates.

Covers `scale.py` too.
"""

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from idgbr_toys import landscape

from idgbr import IDGBRPipeline
from idgbr.errors import InputError


@pytest.fixture
def image():
    return landscape(0, 70)[0]


def data_array(image, names=("red", "green", "nir"), **coordinates):
    return xr.DataArray(image, dims=("band", "y", "x"), coords={"band": list(names), **coordinates})


def same(answer, other):
    return all(np.array_equal(np.asarray(one), np.asarray(two)) for one, two in zip(answer, other, strict=True))


def test_one_image_without_a_batch_gets_maps_without_one(model, image):
    batched, single = model(image[None]), model(image)
    assert single[0].shape == (70, 70)
    assert same(single, (each[0] for each in batched))
    coarse = np.where(np.arange(70) < 30, 10, 20)[None].repeat(70, 0)
    assert same(model(image, coarse=coarse), (each[0] for each in model(image[None], coarse=coarse[None])))


def test_nested_lists_are_taken_and_ragged_ones_refused_in_one_sentence(model, image):
    assert same(model(image.tolist()), model(image))
    with pytest.raises(InputError, match="rows of different lengths"):
        model([[[1, 2], [3]]])


def test_bands_with_names_are_put_into_the_order_of_the_model(model, image):
    order = [2, 0, 1]
    other = data_array(image[order], [("red", "green", "nir")[at] for at in order])
    assert same(model(other), model(image))
    described = xr.DataArray(image[order], dims=("band", "y", "x"), coords={"band": [1, 2, 3]})
    described.attrs["long_name"] = ("nir", "red", "green")
    assert same(model(described), model(image))
    more = data_array(np.concatenate([image[:1], image]), ("swir", "red", "green", "nir"))
    assert same(model(more), model(image))


def test_an_image_that_lacks_a_band_is_refused(model, image):
    with pytest.raises(
        InputError, match=r"named 'B04, B03, B08', but the model takes red, green, nir: there is no red"
    ):
        model(data_array(image, ("B04", "B03", "B08")))


def test_a_data_array_keeps_its_coordinates_and_gets_cf_flags(model, image):
    y, x = 5000 - 10 * np.arange(70.0) - 5, 300 + 10 * np.arange(70.0) + 5
    given = data_array(image, y=y, x=x).expand_dims(time=[np.datetime64("2024-05-01", "ns")])
    label, confidence = model(given.transpose("y", "x", "band", "time"))
    assert label.dims == confidence.dims == ("time", "y", "x")
    assert np.array_equal(label.y, y)
    assert np.array_equal(label.x, x)
    assert label.time.values[0] == np.datetime64("2024-05-01")
    assert label.attrs["flag_values"] == [10, 20, 40]
    assert label.attrs["flag_meanings"] == "grass water built"
    assert (label.dtype, confidence.dtype) == (np.uint8, np.float32)


def test_coordinates_tell_the_origin_on_the_absolute_lattice(model, image):
    y, x = 5000 - 10 * np.arange(70.0) - 5, 300 + 10 * np.arange(70.0) + 5
    placed = data_array(image, y=y, x=x)
    assert same(model(placed), model(image, origin=(-500, 30)))
    assert not same(model(placed), model(image))
    assert same(model(placed, origin=(0, 0)), model(image))
    assert same(model(data_array(image, y=y**2, x=x)), model(image))


def test_a_dataset_and_other_axes_are_refused_in_one_sentence(model, image):
    with pytest.raises(InputError, match="a Dataset holds several arrays"):
        model(data_array(image).to_dataset(name="mosaic"))
    with pytest.raises(InputError, match="the axes band, y and x, and at most one more, not wavelength, y, x"):
        model(data_array(image).rename(band="wavelength"))


@pytest.mark.parametrize(("factor", "told"), [(1e-4, "times smaller"), (1e3, "times larger")])
def test_numbers_in_other_units_than_in_training_are_refused(model, image, factor, told):
    with pytest.raises(InputError, match=told):
        model((image * factor).astype(np.float32))


def test_dark_bright_and_empty_images_are_taken(model, image):
    for other in (image // 10, image * 3, np.zeros_like(image), np.full(image.shape, np.nan, np.float32)):
        model(other)


def test_a_part_has_the_map_that_the_whole_image_has_there(model):
    image = landscape(3, 200)[0]
    whole, (y, x) = model.maps(image[None], origin=(1000, -70)), (1000, -70)
    for y0, x0, y1, x1 in ((0, 0, 90, 90), (90, 90, 200, 200), (37, 101, 38, 180)):
        top, left = max(y0 - model.halo, 0), max(x0 - model.halo, 0)
        around = image[:, top : y1 + model.halo, left : x1 + model.halo]
        part = model.maps(around[None], origin=(y + top, x + left), part=(y + y0, x + x0, y + y1, x + x1))
        for field in ("coarse_BHW", "refined_BHW", "confidence_BHW", "editable_BHW"):
            assert np.array_equal(getattr(part, field), getattr(whole, field)[:, y0:y1, x0:x1])
    with pytest.raises(InputError, match="does not lie within the images"):
        model.maps(image[None], part=(0, 0, 201, 10))


def test_a_call_tells_its_windows_and_shows_a_bar_only_where_it_lasts(model, image, capfd, monkeypatch):
    told = []
    model.maps(image[None], progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    windows = told[-1][1]
    assert told[-1] == (windows, windows)
    assert windows > 1
    model(image)
    assert capfd.readouterr().err == ""
    monkeypatch.setattr("idgbr.pipeline.BAR_SECONDS", 1e-9)
    model(image)
    assert f"{windows}/{windows}" in capfd.readouterr().err
    model.set_progress_bar_config(disable=True)
    model(image)
    assert capfd.readouterr().err == ""


def test_a_shipped_model_is_named_wherever_a_folder_is(tmp_path):
    assert IDGBRPipeline.from_pretrained("simulated-s2").settings.bands == ("blue", "green", "red", "nir")
    with pytest.raises(ValueError, match="or the name of a shipped model: simulated-s2, simulated-s2-change"):
        IDGBRPipeline.from_pretrained("simulated-s3")


@pytest.mark.long
def test_models_do_not_need_xarray():
    code = "import sys; sys.modules['xarray'] = None; import idgbr.pipeline, idgbr.inference.image_input"
    subprocess.run([sys.executable, "-c", code], check=True)

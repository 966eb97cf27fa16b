"""picture.py: colours, the square that is shown larger, and the image file."""

import io
import json

import numpy as np
import pytest
import xarray as xr
from matplotlib import image, pyplot

import pipeline
from catalogs.items.provider import REFLECTANCE, Unit
from pipeline.analysis.colours import BRIGHTEST, GAMMA, shown_range
from pipeline.analysis.picture import color_classes, draw_maps, most_mixed_square, true_colour
from pipeline.errors import UserError

CLASSES = [
    {"code": 10, "name": "Tree", "color": "#006400"},
    {"code": 80, "name": "Water", "color": "#0064c8"},
]


def test_bands_are_red_green_blue_by_their_roles_and_black_to_full_brightness():
    mosaic_BHW = np.zeros((4, 1, 3), np.uint16)
    mosaic_BHW[2] = [0, int(BRIGHTEST * 10_000), 20_000]
    rgb_HW3 = true_colour(mosaic_BHW, ["blue", "green", "red", "nir"])
    assert (rgb_HW3[0, :, 0] == [0, 1, 1]).all()
    assert (rgb_HW3[..., 1:] == 0).all()


def test_a_mosaic_without_one_of_the_three_is_grey_of_its_first_band():
    mosaic_BHW = np.array([[[500]], [[2000]], [[1000]]], np.uint16)
    rgb_HW3 = true_colour(mosaic_BHW, ["green", "red", "nir"])
    assert len(set(rgb_HW3[0, 0])) == 1
    assert np.allclose(rgb_HW3[0, 0], (0.05 / BRIGHTEST) ** GAMMA)


HEIGHTS = Unit("height in metres", 0.5, -500)


def test_heights_fill_the_range_from_black_to_white_but_for_the_most_extreme():
    height_HW = np.linspace(300, 900, 10_000).reshape(100, 100)
    stored_HW = ((height_HW + 500) / 0.5).astype(np.uint16)
    stored_HW[0, :50], stored_HW[-1, -5:] = 0, 32_766
    darkest, brightest = shown_range(HEIGHTS, stored_HW)
    assert darkest == pytest.approx(312, abs=6)
    assert brightest == pytest.approx(888, abs=6)
    grey_HW = true_colour(stored_HW[None], ["height"], HEIGHTS)[..., 0]
    assert (grey_HW[0, :50] == 0).all()
    assert np.ptp(grey_HW) == 1
    assert 0.9 < ((grey_HW > 0) & (grey_HW < 1)).mean() < 0.97
    assert (np.diff(grey_HW[40]) >= 0).all()


def test_flat_ground_is_grey_and_a_mosaic_without_data_black():
    assert (true_colour(np.full((1, 4, 4), 1_200, np.uint16), ["height"], HEIGHTS) == 0.5).all()
    assert (true_colour(np.zeros((1, 4, 4), np.uint16), ["height"], HEIGHTS) == 0).all()


@pytest.mark.parametrize(("unit", "expected"), [(REFLECTANCE, (0, BRIGHTEST)), (Unit("grey value", 1, -1), (0, 255))])
def test_reflectance_and_grey_values_look_alike_in_every_map(unit, expected):
    assert shown_range(unit, np.array([7, 9], np.uint16)) == expected


def test_classes_have_their_colours_and_no_data_is_dark():
    rgb_HW3 = color_classes(np.array([[10, 80, 0]], np.uint8), CLASSES)
    assert rgb_HW3.tolist() == [[[0, 0x64, 0], [0, 0x64, 0xC8], [0x10, 0x10, 0x10]]]


def test_the_most_mixed_square_is_where_two_classes_meet():
    code_HW = np.full((40, 60), 10, np.uint8)
    code_HW[20:, 40:] = 80
    y, x = most_mixed_square(code_HW, 20)
    assert np.count_nonzero(code_HW[y : y + 20, x : x + 20] == 80) == 200


def test_a_map_smaller_than_the_square_is_shown_from_its_corner():
    assert most_mixed_square(np.full((8, 9), 10, np.uint8), 20) == (0, 0)


def made_cube(width, height=48):
    code_HW = np.where(np.arange(width) < width // 2, 10, 80).astype(np.uint8) * np.ones((height, 1), np.uint8)
    flat = xr.Variable(("time", "band", "y", "x"), np.full((1, 1, 1, 1), 900, np.uint16))
    maps_of = dict.fromkeys(("coarse", "landcover"), (("time", "y", "x"), code_HW[None]))
    mosaic = np.broadcast_to(flat.values, (1, 3, height, width))
    return xr.Dataset(
        {"mosaic": (("time", "band", "y", "x"), mosaic), **maps_of},
        {"band": ["blue", "green", "red"]},
        {"classes": json.dumps(CLASSES), "grid": json.dumps({"resolution": 10})},
    )


def test_a_figure_of_a_cube_has_its_maps_a_legend_and_scale_bars_and_no_global_state():
    figure = pipeline.picture.maps(made_cube(64), detail=500)
    assert [axis.get_title() for axis in figure.axes[:3]] == ["mosaic", "coarse", "refined"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Tree", "Water"]
    assert [text.get_text() for axis in figure.axes for text in axis.texts] == ["100 m", "100 m"]
    assert image.imread(io.BytesIO(figure._repr_png_())).shape[1] > 1000
    assert not pyplot.get_fignums()


def test_what_is_no_cube_or_too_large_for_a_picture_is_refused():
    with pytest.raises(UserError, match="has no mosaic, coarse; give what open_cube"):
        pipeline.picture.maps(made_cube(64)[["landcover"]])
    huge = xr.Dataset(coords={"y": np.arange(5001), "x": np.arange(5000)}).assign(
        {name: xr.Variable((), 0) for name in ("mosaic", "coarse", "landcover")}
    )
    with pytest.raises(UserError, match="5001 x 5000 pixels are too many for a picture"):
        pipeline.picture.maps(huge)


@pytest.mark.parametrize("width", [64, 900])
def test_the_image_shows_every_map_whole_and_in_detail(tmp_path, width):
    code_HW = np.where(np.arange(width) < width // 2, 10, 80).astype(np.uint8) * np.ones((48, 1), np.uint8)
    mosaic = np.full((1, 3, 48, width), 900, np.uint16)
    cube = xr.Dataset(
        {"mosaic": (("time", "band", "y", "x"), mosaic)},
        {"band": ["blue", "green", "red"]},
        {"classes": json.dumps(CLASSES), "grid": json.dumps({"resolution": 10})},
    )
    path = draw_maps(tmp_path / "maps.png", cube, {"coarse": code_HW, "refined": code_HW}, detail=16)
    shown = (image.imread(path)[..., :3] * 255).round().astype(int)
    assert shown.shape[1] > shown.shape[0] * 0.3
    for row in CLASSES:
        colour = [int(row["color"][i : i + 2], 16) for i in (1, 3, 5)]
        assert (shown == colour).all(-1).sum() > 500, row["name"]

import numpy as np
import pytest
from pyproj import Transformer

from pipeline.geometry.areal_scale import is_equal_area, pixel_hectares
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import NAMED, Grid, Window
from pipeline.geometry.pixel_area import pixel_areas


def window_at(crs, lon, lat, resolution):
    x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(lon, lat)
    row, col = int(-y // resolution), int(x // resolution)
    return Window(row, col, row + 700, col + 500)


@pytest.mark.parametrize(
    ("crs", "lon", "lat"),
    [("EPSG:32633", 17.9, 60), ("EPSG:3832", 170, -60), ("EPSG:3857", 14, 50), ("EPSG:3035", 10, 50)],
)
def test_the_area_of_each_pixel_is_that_of_its_corners_on_the_ellipsoid(crs, lon, lat):
    window = window_at(crs, lon, lat, 30)
    hectares_HW = pixel_hectares(Grid(crs, 30, 256), window)
    assert hectares_HW.shape == window.shape
    row_N, col_N = np.array([0, 31, 350, 699]), np.array([0, 40, 499, 250])
    expected_N = pixel_areas(Grid(crs, 30, 256), row_N + window.y0, col_N + window.x0) / 1e4
    assert hectares_HW[row_N, col_N] == pytest.approx(expected_N, rel=1e-6)


@pytest.mark.parametrize("name", [*NAMED.values(), "EPSG:32633", "EPSG:3832"])
def test_a_crs_itself_says_whether_it_is_equal_area(name):
    places = {"EPSG:3035": (10, 50), "EPSG:5070": (-100, 40), "ESRI:102022": (20, 5), "ESRI:102033": (-60, -15)}
    places |= {"EPSG:3577": (135, -25), "EPSG:6933": (10, 50), "EPSG:32633": (17, 60), "EPSG:3832": (170, 40)}
    extent = Extent(Grid(name, 10, 256), window_at(name, *places[name], 10))
    assert is_equal_area(extent) == (name in NAMED.values())

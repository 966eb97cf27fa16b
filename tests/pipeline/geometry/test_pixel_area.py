import numpy as np
import pytest

from pipeline.geometry.grid import NAMED, Grid
from pipeline.geometry.pixel_area import pixel_areas, pixel_centres

PLACES = {"europe": (12, 48), "conterminous-us": (-100, 40), "africa": (20, 5)}
PLACES |= {"south-america": (-60, -10), "australia": (135, -25), "global": (20, 60)}


def test_a_centre_lies_in_its_pixel():
    grid = Grid("EPSG:3035", 10, 256)
    row_N, col_N = np.array([-300_000, -280_001]), np.array([432_100, 440_003])
    lon_N, lat_N = pixel_centres(grid, row_N, col_N)
    assert [grid.pixel_of(*at) for at in zip(lon_N, lat_N, strict=True)] == list(zip(row_N, col_N, strict=True))


@pytest.mark.parametrize("name", NAMED)
def test_pixels_of_the_named_grids_are_exactly_equal(name):
    grid = Grid(NAMED[name], 10, 256)
    row, col = grid.pixel_of(*PLACES[name])
    area_N = pixel_areas(grid, np.array([row, row + 40_000]), np.array([col, col + 40_000]))
    assert area_N.tolist() == [100.0, 100.0]


@pytest.mark.parametrize(("crs", "lon", "lat"), [("EPSG:32633", 15, 50), ("EPSG:32633", 19, 10), ("EPSG:3857", 14, 50)])
def test_pixels_of_other_grids_have_their_area_on_the_ellipsoid(crs, lon, lat):
    """Against the ellipsoid's radii of curvature and the projection's derivatives, by differences."""
    grid = Grid(crs, 10, 256)
    row, col = grid.pixel_of(lon, lat)
    lon_3, lat_3 = np.radians(pixel_centres(grid, np.array([row, row + 1, row]), np.array([col, col, col + 1])))
    a, flattening = 6_378_137.0, 1 / 298.257223563
    squared = flattening * (2 - flattening)
    w = 1 - squared * np.sin(lat_3[0]) ** 2
    metres = a * (1 - squared) / w**1.5 * a / w**0.5 * np.cos(lat_3[0])
    (down, right) = ((lon_3[n] - lon_3[0], lat_3[n] - lat_3[0]) for n in (1, 2))
    area = abs(down[0] * right[1] - down[1] * right[0]) * metres
    (mine,) = pixel_areas(grid, np.array([row]), np.array([col]))
    assert mine == pytest.approx(area, rel=1e-5)
    assert abs(mine / 100 - 1) > 1e-4

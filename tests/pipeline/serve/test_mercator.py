"""Where the pixels of a tile lie on a grid: as pyproj says for each centre."""

import numpy as np
import pytest
from pyproj import Transformer

from pipeline.errors import UserError
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window
from pipeline.serve.mercator import HALF, SIDE, Tile, positions

PLACES = {
    "EPSG:3035": (4_467_000, 2_822_000),
    "EPSG:6933": (1_160_000, 5_450_000),
    "EPSG:32633": (300_000, 5_360_000),
}


def tile_at(lon, lat, zoom):
    x = (lon + 180) / 360 * 2**zoom
    y = (1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * 2**zoom
    return Tile(zoom, int(x), int(y))


@pytest.mark.parametrize("zoom", [9, 12, 14, 17])
@pytest.mark.parametrize("crs", PLACES)
def test_the_centre_of_each_pixel_lies_where_pyproj_says(crs, zoom):
    east, north = PLACES[crs]
    top, left = round(-north / 10), round(east / 10)
    extent = Extent(Grid(crs, 10, 256), Window(top, left, top + 4096, left + 4096))
    to_lonlat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    bounds = to_lonlat.transform_bounds(*extent.grid.bounds(extent.window), densify_pts=21)
    tile = tile_at(*to_lonlat.transform(east + 20_000, north - 20_000), zoom)
    found = positions(tile, extent, bounds)
    width = 2 * HALF / 2**zoom
    at_N = (np.arange(SIDE) + 0.5) * width / SIDE
    x_HW, y_HW = np.meshgrid(tile.x * width - HALF + at_N, HALF - tile.y * width - at_N)
    easting_HW, northing_HW = Transformer.from_crs("EPSG:3857", crs, always_xy=True).transform(x_HW, y_HW)
    row_HW, col_HW = -northing_HW / 10 - extent.origin[0], easting_HW / 10 - extent.origin[1]
    inside_HW = np.isfinite(found.row_HW)
    assert inside_HW.any()
    assert abs(found.row_HW - row_HW)[inside_HW].max() < 0.02 * max(found.scale, 1)
    assert abs(found.col_HW - col_HW)[inside_HW].max() < 0.02 * max(found.scale, 1)


def test_a_tile_beside_the_map_has_no_positions():
    extent = Extent(Grid("EPSG:3035", 10, 256), Window(-282_200, 446_700, -281_900, 447_000))
    assert positions(tile_at(-70, -30, 12), extent, (12.0, 48.4, 12.1, 48.5)) is None


@pytest.mark.parametrize(("lon", "lat"), [(11.3, 48.2), (11.9, 48.5), (14.1, 44.7), (12.61, 50.05)])
def test_a_tile_of_which_a_small_region_covers_few_pixels_or_one_goes_on_with_the_scales_of_deeper_zooms(lon, lat):
    east, north = Transformer.from_crs("EPSG:4326", "EPSG:3035", always_xy=True).transform(lon, lat)
    top, left = round(-north / 10), round(east / 10)
    extent = Extent(Grid("EPSG:3035", 10, 256), Window(top, left, top + 2560, left + 2560))
    bounds = extent.grid.lonlat_bounds(extent.window)
    scale = {}
    for zoom in range(20):
        middle = tile_at((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2, zoom)
        if (found := positions(middle, extent, bounds)) is not None:
            scale[zoom] = found.scale
    assert list(scale)[-12:] == list(range(8, 20))
    assert [at * 2**zoom for zoom, at in scale.items()] == pytest.approx([scale[12] * 2**12] * len(scale), rel=0.05)


def test_a_tile_that_is_none_is_refused():
    with pytest.raises(UserError, match="x and y go from 0 to 3 at zoom 2"):
        Tile(2, 4, 0)

"""Two tiles that abut in two zones, made so that the truth is known at every pixel."""

from dataclasses import replace

import numpy as np
import pytest
from made_rasters import CLEAR, around, exact_coordinates, scene, write
from pyproj import Transformer

from pipeline.geometry.grid import Grid
from pipeline.mosaic.block import mosaic_block
from pipeline.mosaic.params import MosaicParams
from pipeline.raster.level import Raster
from pipeline.raster.resample import METHODS as RESAMPLING

GRID = Grid("EPSG:3035", 10.0, 512)
WEST = Raster("EPSG:32632", 722_000.0, 5_321_000.0, 10.0, 400, 200, None)
EAST = Raster("EPSG:32633", 275_400.0, 5_321_000.0, 10.0, 400, 300, None)
SEAM = 724_000.0
TRUTH_X, TRUTH_Y = 447_051, 276_552


def truth(x, y):
    """A slope over the ground, in DN: 20 a grid pixel eastwards, 7 southwards."""
    return 8_000 + 20 * (x / 10 - TRUTH_X) + 7 * (TRUTH_Y - y / 10)


@pytest.fixture(scope="module")
def abutting(tmp_path_factory):
    """Two tiles of one slope that share the west's right edge: the east has data where its pixels reach beyond it."""
    folder, made = tmp_path_factory.mktemp("abutting"), []
    for name, raster in (("32UQU", WEST), ("33UTP", EAST)):
        row_HW, col_HW = np.mgrid[: raster.height, : raster.width]
        x_HW, y_HW = raster.left + (col_HW + 0.5) * 10, raster.top - (row_HW + 0.5) * 10
        to_grid = Transformer.from_crs(raster.crs, GRID.crs, always_xy=True)
        red_HW = np.rint(truth(*to_grid.transform(x_HW, y_HW)))
        assert red_HW.min() > 0
        assert red_HW.max() < 32_000
        if raster is EAST:
            to_west = Transformer.from_crs(EAST.crs, WEST.crs, always_xy=True)
            right_HW = np.max([to_west.transform(x_HW + dx, y_HW + dy)[0] for dx in (-5, 5) for dy in (-5, 5)], axis=0)
            assert (right_HW < SEAM).any()
            red_HW = np.where(right_HW > SEAM, red_HW, 0)
        hrefs = [
            write(folder / f"{name}-red.tif", red_HW.astype(np.uint16), raster),
            write(folder / f"{name}-mask.tif", np.full(red_HW.shape, CLEAR, np.uint8), raster),
        ]
        made.append(scene(name, {"red": hrefs[0]}, hrefs[1], raster, overpass="one"))
    return made


@pytest.mark.parametrize("resampling", RESAMPLING)
@pytest.mark.parametrize("west_first", [True, False])
def test_tiles_that_abut_in_two_zones_show_every_row_once_and_no_sliver(abutting, resampling, west_first):
    to_lonlat = Transformer.from_crs(WEST.crs, "EPSG:4326", always_xy=True)
    window = around(GRID, *to_lonlat.transform(SEAM, WEST.top - 2_000), 300, 220)
    names = "AB" if west_first else "BA"
    tiles = [replace(tile, acquisition=f"one/{name}") for tile, name in zip(abutting, names, strict=True)]
    tiles = sorted(tiles, key=lambda tile: tile.acquisition)
    found = mosaic_block(GRID, window, tiles, ["red"], MosaicParams(resampling=resampling))
    assert (found.observations_HW == 1).all()
    row, col = np.mgrid[window.y0 : window.y1, window.x0 : window.x1] + 0.5
    off_HW = np.abs(found.mosaic_BHW[0].astype(float) - truth(col * 10, -row * 10))
    _, col_HW = exact_coordinates(GRID, window, WEST)
    seam_HW = np.abs(col_HW + 0.5 - WEST.width) < 2
    assert 0.005 < seam_HW.mean() < 0.05
    half_a_pixel = (20 + 7) / 2
    assert off_HW[~seam_HW].max() < (2 if resampling in ("bilinear", "cubic") else half_a_pixel * 1.1)
    assert off_HW[seam_HW].max() < half_a_pixel * 1.6
    tiles_HW = [
        mosaic_block(GRID, window, [tile], ["red"], MosaicParams(resampling=resampling)).mosaic_BHW[0] for tile in tiles
    ]
    assert (found.mosaic_BHW[0] == np.where(tiles_HW[0] > 0, *tiles_HW)).all()

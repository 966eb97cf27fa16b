"""pieces.py: windows of fine rasters are read in pieces that memory is planned for, or not at all."""

from dataclasses import replace

import numpy as np
import pytest
from made_rasters import CLEAR, CLOUD, HERE, OVER, RULE, SQUARE, coarser, scene, write

from pipeline.geometry.grid import Grid, Window
from pipeline.mosaic import fuse, memory, pieces
from pipeline.mosaic.block import mosaic_block
from pipeline.mosaic.memory import part_pixels
from pipeline.mosaic.params import MosaicParams
from pipeline.mosaic.sample_cache import SampleCache
from pipeline.raster.level import Raster
from pipeline.raster.resample import METHODS
from pipeline.scenes.passes import Pass

FINE = replace(HERE, resolution=2.5, height=480, width=400)


@pytest.fixture(scope="module")
def tile(tmp_path_factory):
    """A scene in pixels of 2.5 m without overviews, with noise and holes."""
    folder = tmp_path_factory.mktemp("fine")
    dn_HW = np.random.default_rng(3).integers(1, 5_000, (FINE.height, FINE.width)).astype(np.uint16)
    dn_HW[100:130, 50:90] = 0
    mask = write(folder / "mask.tif", np.full((60, 50), CLEAR, np.uint8), coarser(HERE))
    return scene("a", {"red": write(folder / "red.tif", dn_HW, FINE)}, mask, HERE)


@pytest.mark.parametrize("method", METHODS)
def test_pieces_have_the_bytes_of_the_whole_and_no_part_beyond_the_limit(tile, monkeypatch, method):
    params = MosaicParams(resampling=method)
    whole = mosaic_block(SQUARE, OVER, [tile], ["red"], params)
    sizes, read_band = [], fuse.read_band

    def counted(asset, raster, part, access):
        dn_HW, coding = read_band(asset, raster, part, access)
        sizes.append(dn_HW.size)
        return dn_HW, coding

    monkeypatch.setattr(fuse, "read_band", counted)
    limit = 20_000
    monkeypatch.setattr(pieces, "part_pixels", lambda grid: limit)
    cut = mosaic_block(SQUARE, OVER, [tile], ["red"], params)
    assert whole.lost == cut.lost == {}
    assert (cut.mosaic_BHW == whole.mosaic_BHW).all()
    assert len(sizes) >= 10
    assert max(sizes) < 1.44 * limit


def test_masks_are_looked_at_in_pieces_too(tile, tmp_path, monkeypatch):
    """Positions in a part are counted by int32: a part of more than 2**31 pixels would leave ground out unsaid."""
    code_HW = np.random.default_rng(4).choice([CLEAR, CLOUD], (30, 25), p=[0.9, 0.1]).astype(np.uint8)
    href = write(tmp_path / "mask.tif", code_HW.repeat(16, 0).repeat(16, 1), FINE)
    cloudy = replace(tile, mask=replace(tile.mask, href=href), rule=replace(RULE, dilate=25.0))
    one_pass = Pass(cloudy.datetime, (cloudy,))
    params = fuse.ViewParams(SQUARE, OVER, ("red",), clouds=True)
    whole, _ = fuse.view_pass(params, SampleCache(SQUARE), one_pass)
    sizes, clear_mask = [], fuse.clear_mask

    def counted(scene, mask, at, *how):
        sizes.append((at.part.rows[1] - at.part.rows[0]) * (at.part.cols[1] - at.part.cols[0]))
        return clear_mask(scene, mask, at, *how)

    monkeypatch.setattr(fuse, "clear_mask", counted)
    monkeypatch.setattr(pieces, "part_pixels", lambda grid: 20_000)
    cut, _ = fuse.view_pass(params, SampleCache(SQUARE), one_pass)
    assert max(sizes) < 1.44 * 20_000
    assert whole.clear_HW.any()
    assert (cut.value_BHW == whole.value_BHW).all()
    assert (cut.cloud_HW == whole.cloud_HW)[whole.clear_HW].all()


def test_a_window_is_covered_once_by_its_pieces(monkeypatch):
    monkeypatch.setattr(pieces, "part_pixels", lambda grid: 700)
    count_HW = np.zeros(OVER.shape, int)
    for piece in pieces.pieces(SQUARE, OVER, HERE):
        count_HW[piece.slices((OVER.y0, OVER.x0))] += 1
    assert (count_HW == 1).all()


def test_a_raster_across_the_antimeridian_needs_no_less_on_a_grid_that_is_cut_there(monkeypatch):
    fiji = Raster("EPSG:32760", 799_980.0, 8_200_000.0, 60.0, 1_830, 1_830, None)
    monkeypatch.setattr(pieces, "part_pixels", lambda grid: 100_000)

    def cuts(crs):
        grid = Grid(crs, 60.0, 512)
        row, col = grid.pixel_of(-179.6, -16.6)
        return len(list(pieces.pieces(grid, Window(row, col, row + 512, col + 512), fiji)))

    assert cuts("EPSG:6933") == cuts("EPSG:32760") == 4


@pytest.mark.parametrize("which", ["red", "mask"])
@pytest.mark.parametrize("resolution", [0.02, 0.001])
def test_pixels_beyond_all_measure_lose_their_scene_before_any_is_read(tile, tmp_path, which, resolution):
    times = round(10 / resolution)
    fine = replace(HERE, resolution=resolution, height=HERE.height * times, width=HERE.width * times)
    options = {"sparse_ok": True, "bigtiff": "yes", "tiled": True, "blockxsize": 512, "blockysize": 512}
    href = write(tmp_path / "fine.tif", None, fine, dtype="uint16" if which == "red" else "uint8", **options)
    asset = replace(tile.bands[0] if which == "red" else tile.mask, href=href)
    absurd = replace(tile, bands=(asset,)) if which == "red" else replace(tile, mask=asset)
    made = mosaic_block(SQUARE, OVER, [absurd], ["red"])
    assert not made.mosaic_BHW.any()
    assert f"fine.tif has pixels of {resolution:g}" in made.lost["a"]
    assert "write it with overviews" in made.lost["a"]


def test_the_limit_is_part_of_the_memory_that_is_announced(monkeypatch):
    small = memory.mosaic_bytes(SQUARE, 1, 1, MosaicParams(), 1)
    monkeypatch.setattr(memory, "LEAST_PART", part_pixels(SQUARE) + 1_000_000)
    assert memory.mosaic_bytes(SQUARE, 1, 1, MosaicParams(), 1) == small + 4 * 1_000_000


def test_a_raster_beside_the_window_needs_nothing():
    beside = Window(OVER.y0 - 500, OVER.x0, OVER.y0 - 400, OVER.x1)
    assert list(pieces.pieces(SQUARE, beside, HERE)) == [beside]

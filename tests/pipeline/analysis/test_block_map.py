"""Blocks as a map: one rectangle each, or the worst of several where there are many."""

import re

import numpy as np
import pytest

from pipeline.analysis.block_map import MAX_CELLS, block_map, group_side, grouped, to_svg
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window

GRID = Grid("EPSG:3035", 10, 256)


def drawn(extent, value_YX):
    return block_map(extent, value_YX, lambda value: f"#{int(value):06x}", lambda value: f"{value:g}", "blocks")


def test_every_block_of_the_region_is_drawn_where_it_lies():
    extent = Extent(GRID, Window(300, 100, 812, 600))
    value_YX = np.array([[1, 2, np.nan], [4, 5, 6], [7, 8, 9.0]], np.float32)
    svg = drawn(extent, value_YX)
    cells = re.findall(r'<rect x="(\d)" y="(\d)" width="1" height="1" fill="#00000(\d)"><title>(.*?)</title>', svg)
    assert len(cells) == 8
    assert ("1", "2", "8", "block (3, 1): 8") in cells
    x0, y0, width, height = map(float, re.search(r'viewBox="([^"]+)"', svg)[1].split())
    assert (x0, y0) == pytest.approx((100 / 256, 44 / 256), rel=1e-5)
    assert (width, height) == pytest.approx((500 / 256, 2), rel=1e-5)
    assert to_svg(extent, np.array([[2560.0, -5120.0]])).tolist() == [[1, 1]]


def test_of_many_blocks_a_square_shows_the_worst_and_the_page_stays_small():
    side = 1000
    extent = Extent(GRID, Window(0, 0, 256 * side, 256 * side))
    value_YX = np.full((side, side), 9, np.float32)
    value_YX[517, 333] = 2
    svg = drawn(extent, value_YX)
    assert svg.count("<rect") <= MAX_CELLS
    assert len(svg) < 600_000
    (worst,) = re.findall(r"<title>([^<]*: 2)</title>", svg)
    n = group_side(side * side)
    assert worst == f"worst of {n} x {n} blocks from ({517 // n * n}, {333 // n * n}): 2"


def test_squares_at_the_edge_know_only_blocks_of_the_region():
    value_YX = np.array([[3, 1, np.nan], [2, 5, np.nan], [np.nan, np.nan, np.nan]])
    cells = grouped(value_YX, 2)
    assert cells[0, 0] == 1
    assert np.isnan(cells.ravel()[1:]).all()

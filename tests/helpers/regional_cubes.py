"""Small cubes of neighbouring regions, published without a run: blocks of 256 pixels of one world of noise."""

import zlib
from datetime import date
from pathlib import Path

import numpy as np
import zarr

from pipeline.analysis.aggregate import aggregate_blocks
from pipeline.cube import store, versions
from pipeline.cube.create import add_period
from pipeline.cube.cube import Cube
from pipeline.cube.schema import DAYS, LABELS, MAPPED, Layout
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import LONLAT, Grid, Window, transformer

CLASSES = tuple(
    {"code": code, "name": name, "color": "#000000"} for code, name in ((10, "Tree"), (30, "Grass"), (80, "Water"))
)
GRID = Grid("EPSG:6933", 10, 256)
"""Cylindrical: boxes of degrees are boxes of pixels."""
SUMMER = date(2024, 5, 1), date(2024, 8, 31)
NEXT = date(2025, 5, 1), date(2025, 8, 31)


def degrees(window):
    """The box of degrees (west, south, east, north) whose window is `window`."""
    left, bottom, right, top = GRID.bounds(window)
    half = GRID.resolution / 2
    return transformer(GRID.crs, LONLAT).transform_bounds(left + half, bottom + half, right - half, top - half)


def layout_of(window, grid=GRID, classes=CLASSES, bands=("red",), area=None):
    return Layout(Extent(grid, Window(*window), area), bands, classes)


def world(name, block, edition=0):
    """The values of an array in a whole block, the same in whichever region: (..., 256, 256)."""
    chance = np.random.default_rng(zlib.crc32(repr((name, block, edition)).encode()))
    shape = (256, 256)
    if name == "mosaic":
        return chance.integers(1, 9000, (1, *shape), np.uint16)
    if name in DAYS:
        return chance.integers(19_000, 19_100, shape, np.uint16)
    if name in ("landcover", "coarse"):
        return chance.choice(np.array([10, 30, 80], np.uint8), shape)
    return chance.integers(1, 3 if name == "refined" else 100, shape, np.uint8)


def publish_region(location, layout, period=SUMMER, editions=None, clear=3, without=(), state=MAPPED):
    """Publishes the world of a region as a finished run leaves it; returns its version.

    editions: of blocks that differ from the world's first. without: blocks that are not there. Blocks of the same
    edition as in the version before keep their fingerprints.
    """
    cube = Cube.create(location)
    base = versions.start_branch(cube, "run-made")
    session = cube.repository.writable_session("run-made")
    group = zarr.open_group(session.store)
    time = add_period(group, layout, period)
    extent = layout.extent
    for block in extent.blocks():
        there = block not in without
        edition = (editions or {}).get(block, 0)
        print_ = zlib.crc32(repr((Path(location).name, block, edition)).encode()) + 1 if there else 0
        slot = extent.slot(block)
        if int(np.asarray(store.array(group, "blocks/landcover")[time, *slot])) == print_:
            continue
        inside = extent.covered(block).slices((block[0] * 256, block[1] * 256))
        for name in ("mosaic", *LABELS, *DAYS):
            store.write_block(group, name, time, extent, block, world(name, block, edition)[..., *inside] * there)
        for name, value in (
            ("mosaic", print_),
            ("landcover", print_),
            ("state", state * there),
            ("clear", clear * there),
        ):
            store.array(group, f"blocks/{name}")[time, *slot] = value
    if session.has_uncommitted_changes:
        session.commit("made")
    aggregate_blocks(cube, "run-made", layout, time, 1)
    run = f"run-{base}"
    origin = versions.Origin(run, "made", 1, 0, {str(period[0]): run}, "f" * 16)
    return versions.publish(cube, "run-made", base, origin)

"""Small cubes with versions written straight into them: 2 x 3 blocks of 256 pixels, no run."""

import zlib
from dataclasses import replace
from datetime import date

import numpy as np
import zarr

from pipeline.analysis.halve import REDUCTIONS
from pipeline.cube import store, versions
from pipeline.cube.create import add_period
from pipeline.cube.schema import MAPPED, Layout
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window

CLASSES = tuple(
    {"code": code, "name": name, "color": "#000000"} for code, name in ((10, "Tree"), (30, "Grass"), (80, "Water"))
)
LAYOUT = Layout(Extent(Grid("EPSG:3035", 10, 256), Window(0, 0, 512, 700)), ("red",), CLASSES)
SUMMER = date(2024, 5, 1), date(2024, 8, 31)
ORIGIN = versions.Origin("a", "test", 6, 0)


def plain(code=10):
    """A map of one class in the region's 512 x 700 pixels, in arrays of whole blocks."""
    landcover_HW = np.zeros(LAYOUT.extent.shape, np.uint8)
    landcover_HW[:512, :700] = code
    return landcover_HW


def blocks_of(values_HW):
    """(2, 3, pixels) of 512 x 768."""
    return values_HW.reshape(2, 256, 3, 256).swapaxes(1, 2).reshape(2, 3, -1)


def mapped(cube, landcover_HW, period=SUMMER, run="a", seen_HW=None, unprocessed=()):
    """A run's branch that holds a map as a finished run leaves it; returns (branch, index along time, base)."""
    branch = f"run-{run}"
    base = versions.start_branch(cube, branch)
    session = cube.repository.writable_session(branch)
    group = zarr.open_group(session.store)
    time = add_period(group, LAYOUT, period)
    blocks_YXN = blocks_of(landcover_HW)
    made = np.array([[zlib.crc32(block.tobytes()) + 1 for block in row] for row in blocks_YXN], np.uint64)
    holes_HW = (landcover_HW == 0) & (landcover_HW > 0 if seen_HW is None else seen_HW)
    state = np.full((2, 3), MAPPED, np.uint8)
    for block in unprocessed:
        made[block] = state[block] = 0
    store.array(group, "landcover")[time] = landcover_HW
    for name, values in (
        ("landcover", made),
        ("aggregate", made),
        ("state", state),
        ("holes", blocks_of(holes_HW).sum(2)),
        ("pixels", np.stack([(blocks_YXN == row["code"]).sum(2) for row in CLASSES], 2)),
    ):
        store.array(group, f"blocks/{name}")[time] = values
    session.commit(f"map of run {run}")
    return branch, time, base


def published(cube, landcover_HW, period=SUMMER, run="a", model=None):
    """Publishes a map; returns its version. model: first 16 digits of its digest."""
    branch, _, base = mapped(cube, landcover_HW, period, run)
    return versions.publish(cube, branch, base, replace(ORIGIN, run=run, model=model))


def with_levels(cube, landcover_HW, period=SUMMER, run="a"):
    """Publishes a map that has a confidence of 60 to 99 % where it has a class, and its coarser levels."""
    branch, time, base = mapped(cube, landcover_HW, period, run)
    session = cube.repository.writable_session(branch)
    group = zarr.open_group(session.store)
    levels = {
        "landcover": landcover_HW,
        "confidence": np.where(landcover_HW, 60 + landcover_HW % 40, 0).astype(np.uint8),
    }
    for level in range(LAYOUT.levels + 1):
        for name, values_HW in levels.items():
            store.array(group, name, level)[time] = values_HW
        levels = {name: REDUCTIONS[name](values_HW) for name, values_HW in levels.items()}
    session.commit("levels")
    return versions.publish(cube, branch, base, replace(ORIGIN, run=run))


def landcover_of(cube, version):
    return np.asarray(store.array(cube.group(snapshot=version), "landcover"))

"""Published maps of patches, with levels, for what reads them: see `made_versions`."""

from dataclasses import replace

import numpy as np
from made_versions import CLASSES, LAYOUT, ORIGIN, SUMMER, mapped

from pipeline.analysis.aggregate import aggregate_blocks
from pipeline.cube import store, versions
from pipeline.cube.checked_store import session_group


def patches(seed=1, side=12):
    """A map of square patches of all classes and of no data, in the region's 512 x 700 pixels."""
    codes = [0, *(row["code"] for row in CLASSES)]
    small_HW = np.random.default_rng(seed).choice(codes, (-(-512 // side), -(-700 // side)))
    landcover_HW = np.zeros(LAYOUT.extent.shape, np.uint8)
    landcover_HW[:512, :700] = np.kron(small_HW, np.ones((side, side), np.uint8))[:512, :700]
    return landcover_HW


def publish(cube, landcover_HW, period=SUMMER, run="a"):
    """Publishes a map with its levels, its confidence and a mosaic; returns the version."""
    branch, time, base = mapped(cube, landcover_HW, period, run)
    session = cube.repository.writable_session(branch)
    group = session_group(session)
    store.array(group, "blocks/aggregate")[time] = 0
    store.array(group, "confidence")[time] = (landcover_HW > 0) * np.uint8(90)
    store.array(group, "mosaic")[time, 0] = landcover_HW.astype(np.uint16) * 7
    session.commit("more of it")
    aggregate_blocks(cube, branch, LAYOUT, time, 1)
    return versions.publish(cube, branch, base, replace(ORIGIN, run=run))

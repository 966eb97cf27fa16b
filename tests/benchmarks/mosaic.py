"""A cloud-free median of one block, ours beside rasterio's WarpedVRT + numpy: what a user would write instead.

    python tests/benchmarks/mosaic.py [PIXELS]

Both read the same simulated scenes, on one thread, in turn; the table gives the best of three runs and the ratio.
"""

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

import catalogs
from catalogs.simulated import simulate
from pipeline.grid import Grid, Window
from pipeline.mosaic import composite
from pipeline.show import table

RUNS = 3


def ours(grid, window, scenes):
    return composite(grid, window, scenes, catalogs.ROLES).mosaic_BHW


def warped_vrt(grid, window, scenes):
    left, bottom, right, top = grid.bounds(window)
    height, width = window.shape
    target = {
        "crs": grid.crs,
        "transform": rasterio.transform.from_bounds(left, bottom, right, top, width, height),
        "height": height,
        "width": width,
    }
    stack = np.full((len(scenes), len(catalogs.ROLES), height, width), np.nan, np.float32)
    for view, scene in zip(stack, scenes, strict=True):
        with (
            rasterio.open(scene.mask.href) as source,
            WarpedVRT(source, **target, resampling=Resampling.nearest) as vrt,
        ):
            clear = np.isin(vrt.read(1), scene.clear)
        for band, role in zip(view, catalogs.ROLES, strict=True):
            asset = scene.band(role)
            with (
                rasterio.open(asset.href) as source,
                WarpedVRT(source, **target, resampling=Resampling.bilinear) as vrt,
            ):
                dn = vrt.read(1)
            seen = clear & (dn > 0)
            band[seen] = (dn[seen] * asset.scale + asset.offset) * 10_000
    return np.nanmedian(stack, axis=0)


def main(pixels=1024):
    with tempfile.TemporaryDirectory() as folder:
        world = simulate(Path(folder) / "world", seed=5, kilometres=pixels / 100)
        always = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
        scenes = catalogs.search(catalogs.Query(str(world.catalog), "sentinel-2-l2a", world.bounds_lonlat, *always))
        grid = Grid("EPSG:3035", 10.0, 256)
        left, _, _, top = world.bounds
        x0, y0 = round(left / 10), round(-top / 10)
        window = Window(y0, x0, y0 + pixels, x0 + pixels)
        best = {}
        for _ in range(RUNS):
            for make in (ours, warped_vrt):
                begun = time.perf_counter()
                make(grid, window, scenes)
                best[make.__name__] = min(best.get(make.__name__, np.inf), time.perf_counter() - begun)
    rows = [(name, f"{s:.2f}", f"{s / best['ours']:.2f}") for name, s in best.items()]
    table(f"{pixels} x {pixels} px, {len(scenes)} scenes x 4 bands + SCL", rows, ("", "seconds", "times ours"))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""Aggregation and `idgbr stats` of a continent: time, memory and parts at several sizes, and what follows of them.

    OMP_NUM_THREADS=1 python tests/benchmarks/continent.py [--blocks 16 64 256] [--folder FOLDER]

A cube is a square of blocks of 2048 pixels, one encoded shard under all keys. `aggregate` makes class counts and all
levels; `stats` asks for the classes of squares that fill the map, one for every four blocks. Each row is a process of
its own, one thread: wall and CPU seconds, the peak of its memory, and the part above what its imports and the open cube
take. `parts` are what `cluster.gather` submits, `at once` the most of them that a scheduler would hold.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import pairwise
from pathlib import Path

from memory import peak_mb, resident_mb

SIDE = 2048
CODES = (10, 20, 30, 40, 50, 60, 80, 90)
PERIOD = date(2024, 1, 1), date(2024, 12, 31)
CONTINENT = 71_820
"""Blocks of 2048 pixels of 10 m of Africa."""
BRANCH = "run-a"
COLUMNS = ("blocks", "what", "wall s", "CPU s", "CPU ms/bl", "peak MB", "above", "parts", "at once")


def layout_of(blocks):
    from pipeline.cube.schema import Layout
    from pipeline.geometry.extent import Extent
    from pipeline.geometry.grid import Grid, Window

    side = math.isqrt(blocks)
    classes = tuple({"code": code, "name": f"class {code}", "color": "#000000"} for code in CODES)
    window = Window(-150 * SIDE, 200 * SIDE, (-150 + side) * SIDE, (200 + side) * SIDE)
    return Layout(Extent(Grid("EPSG:3035", 10, SIDE), window), ("red",), classes)


def build(folder, blocks):
    """A cube whose map is finished and not aggregated, on the branch of its run."""
    import numpy as np
    from zarr.core.buffer import default_buffer_prototype
    from zarr.core.sync import sync
    from zones import patches

    from pipeline.cube import store, versions
    from pipeline.cube.checked_store import session_group
    from pipeline.cube.create import add_period
    from pipeline.cube.cube import Cube
    from pipeline.cube.schema import MAPPED

    layout = layout_of(blocks)
    cube = Cube.create(folder / "cube")
    versions.start_branch(cube, BRANCH)
    session = cube.repository.writable_session(BRANCH)
    group = session_group(session)
    add_period(group, layout, PERIOD)
    code_HW = patches(0)
    sure_HW = (50 + code_HW // 2).astype(np.uint8)
    shards = {}
    for name, value_HW in (("landcover", code_HW), ("confidence", sure_HW), ("observations", sure_HW)):
        node = store.array(group, name)
        node[0, :SIDE, :SIDE] = value_HW
        shards[node.path] = sync(session.store.get(f"{node.path}/c/0/0/0", default_buffer_prototype()))
    for y in range(math.isqrt(blocks)):
        for x in range(math.isqrt(blocks)):
            for path, shard in shards.items():
                if (y, x) != (0, 0):
                    sync(session.store.set(f"{path}/c/0/{y}/{x}", shard))
    for name, value in (("landcover", 1), ("state", MAPPED)):
        record = store.array(group, f"blocks/{name}")
        record[0] = np.full(record.shape[1:], value, record.dtype)
    session.commit("one shard under all keys")


class Counted:
    """Threads, as `gather` has them, that count what is submitted."""

    def __init__(self, threads):
        from cluster.gather import _Threads

        self.threads, self.parts, self.at_once, self._running = threads, 0, 0, 0
        self._of = _Threads(ThreadPoolExecutor(threads), threads)

    def submit(self, call):
        self.parts, self._running = self.parts + 1, self._running + 1
        self.at_once = max(self.at_once, self._running)
        return self._of.submit(call)

    def wait(self, futures):
        done = self._of.wait(futures)
        self._running -= len(done)
        return done

    def result(self, future):
        return self._of.result(future)

    def cancel(self, futures):
        self._of.cancel(futures)


def zones(layout):
    """Squares that fill the window, each of about four blocks, none along the sides of blocks."""
    import geopandas
    import numpy as np
    import shapely

    left, bottom, right, top = layout.extent.grid.bounds(layout.extent.window)
    count = max(1, math.isqrt(layout.extent.block_range.shape[0] ** 2 // 4)) + 1
    at_X, at_Y = np.linspace(left + 7, right - 7, count + 1), np.linspace(bottom + 7, top - 7, count + 1)
    squares = [shapely.box(x0, y0, x1, y1) for x0, x1 in pairwise(at_X) for y0, y1 in pairwise(at_Y)]
    return geopandas.GeoDataFrame(geometry=squares, crs=3035)


def measure(folder, what, blocks):
    """One row: does the work and prints what it took."""
    from cluster.dask import use
    from pipeline.analysis.aggregate import aggregate_blocks
    from pipeline.analysis.stats import stats
    from pipeline.analysis.zones import zones_on
    from pipeline.cube import versions
    from pipeline.cube.cube import Cube

    cube, layout, counted = Cube.open(folder / "cube"), layout_of(blocks), Counted(1)
    if what == "stats":
        frame = zones(layout)
        asked = zones_on(frame, [str(n) for n in range(len(frame))], layout.extent)
    before = resident_mb()
    wall, cpu = time.perf_counter(), time.process_time()
    with use(counted):
        if what == "aggregate":
            aggregate_blocks(cube, BRANCH, layout, 0, 1)
        else:
            answer = stats(cube, asked, workers=1)
            mapped = sum(zone.mapped_hectares[0] for zone in answer.zones)
            assert math.isclose(mapped, sum(zone.hectares for zone in answer.zones), rel_tol=0.01), mapped
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = peak_mb()
    if what == "aggregate":
        base = versions.head(cube)
        versions.publish(cube, BRANCH, base, versions.Origin("a", "continent", blocks, 0))
    row = {"wall": wall, "cpu": cpu, "peak": peak, "above": peak - before}
    print(json.dumps({**row, "parts": counted.parts, "at_once": counted.at_once}))


def row_of(folder, what, blocks):
    done = subprocess.run(
        [sys.executable, __file__, "--measure", str(folder), what, str(blocks)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return json.loads(done.stdout.splitlines()[-1])


def parts_of_continent(threads):
    """Parts of the aggregation of a square of about CONTINENT blocks, all of them due, and of a question about it."""
    from cluster.gather import parts_of
    from pipeline.analysis.aggregate import GROUP, steps
    from pipeline.analysis.subtree import subtrees

    side = round(CONTINENT**0.5)
    levels = layout_of(side**2).levels
    corners = range(0, side, GROUP)
    groups = [[(y + n // GROUP, x + n % GROUP) for n in range(GROUP**2)] for y in corners for x in corners]
    aggregate = 0
    for group in groups:
        inside = [(y, x) for y, x in group if y < side and x < side]
        for base, top in steps(levels):
            changed = {(y >> base, x >> base) for y, x in inside}
            aggregate += len(parts_of(len(list(subtrees(base, top, list(changed)))), threads))
    return {"aggregate": aggregate, "stats": len(parts_of(side, threads))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, nargs="+", default=[16, 64, 256], help="squares of whole numbers")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        measure(Path(asked.measure[0]), asked.measure[1], int(asked.measure[2]))
        return
    rows = {"aggregate": [], "stats": []}
    print("".join(f"{name:>10}" for name in COLUMNS))
    for blocks in asked.blocks:
        with tempfile.TemporaryDirectory(dir=asked.folder) as name:
            build(Path(name), blocks)
            for what, table in rows.items():
                table.append(row_of(Path(name), what, blocks))
                show(blocks, what, **table[-1])
    for what, table in rows.items():
        wall, cpu = (extrapolated(asked.blocks, [row[clock] for row in table]) for clock in ("wall", "cpu"))
        parts = [parts_of_continent(threads)[what] for threads in (1, 64)]
        print(
            f"{what} of {CONTINENT:,} blocks by one thread: {wall / 3600:.2f} h, {cpu / 3600:.2f} CPU h; "
            f"{parts[0]:,} parts, by 64 threads {parts[1]:,}"
        )


def show(blocks, what, wall, cpu, peak, above, parts, at_once):
    numbers = f"{wall:10.1f}{cpu:10.1f}{1000 * cpu / blocks:10.1f}{peak:10.0f}{above:10.0f}{parts:10,}{at_once:10}"
    print(f"{blocks:10,}{what:>10}{numbers}", flush=True)


def extrapolated(blocks, seconds):
    """The least squares line through the sizes, at CONTINENT."""
    import numpy as np

    slope, start = np.polyfit(blocks, seconds, 1)
    return start + slope * CONTINENT


if __name__ == "__main__":
    main()

"""What the driver spends on a block, from 100 to a million of them: planning, dispatch, commits; no pixel is read.

    python tests/benchmarks/driver.py [--json FILE] [--sizes 100,10000,1000000]

Maps are squares of so many blocks of 256 px at 10 m with Sentinel-2 tiles of 110 km on twelve dates, and a continent of
30 million km2 in blocks of 2048 px. Planning starts from STAC items and goes through the stream that a run executes;
its memory is the peak of a process of its own, less what its imports took. Dispatch is the real queue and pool with
workers that answer at once. Commits go by the real committer to a repository whose other shards are all referenced
(without data; beyond what a commit touches one a manifest, where these are split), beside one that Icechunk makes
unless told otherwise, up to 40,000 blocks.
"""

import argparse
import itertools
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections import deque
from datetime import date
from math import ceil, sqrt
from pathlib import Path
from types import SimpleNamespace

from memory import peak_mb

SIZES = (100, 10_000, 1_000_000)
CONTINENT = "continent"
DATES, TILE, LAP = 12, 100_000, 10_000
BLOCK, PAIRS = 256, 8
DISPATCHED, COMMITS, MOST_UNSPLIT = 50_000, 6, 40_000
BANDS = ("blue", "green", "red", "nir")
STAGES = ("mosaic", "segment")


def extent_of(size):
    """A square of so many blocks around the middle of Africa's grid."""
    from pipeline.geometry.extent import Extent
    from pipeline.geometry.grid import Grid, Window

    side, block = (268, 2048) if size == CONTINENT else (ceil(sqrt(int(size))), BLOCK)
    low = -(side // 2) * block
    return Extent(Grid("ESRI:102022", 10.0, block), Window(low, low, low + side * block, low + side * block))


def items_over(extent):
    """Copies of a simulated item, each parsed on its own as a catalog's answer is, laid over the extent."""
    import numpy as np

    from catalogs.simulated import Overpass, simulate
    from pipeline.geometry.grid import LONLAT, transformer

    with tempfile.TemporaryDirectory() as folder:
        world = simulate(Path(folder) / "w", seed=1, kilometres=3, dates=[Overpass("2024-05-13")])
        template = (world.folder / "items.ndjson").read_text().splitlines()[0]
    left, bottom, right, top = extent.grid.bounds(extent.window)
    letters = "ABCDEFGHJKLMNPQRSTUV"
    to_lonlat = transformer(extent.grid.crs, LONLAT)
    places = itertools.product(np.arange(bottom, top, TILE), np.arange(left, right, TILE))
    for n, (y, x) in enumerate(places):
        corner = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]) * (TILE + LAP) + (x, y)
        ring = np.stack(to_lonlat.transform(*corner.T), axis=1).tolist()
        tile = f"{1 + n // 400:02d}U{letters[n // 20 % 20]}{letters[n % 20]}"
        for month in range(1, DATES + 1):
            day, orbit = f"2024-{month:02d}-{1 + n % 7:02d}", int((x - left) // (3 * TILE))
            item = json.loads(template)
            item |= {"id": f"S2A_{tile}_{day}_L2A", "geometry": {"type": "Polygon", "coordinates": [ring]}}
            del item["properties"]["s2:product_uri"]
            item["properties"] |= {
                "datetime": f"{day}T10:{orbit:02d}:51.024Z",
                "grid:code": f"MGRS-{tile}",
                "s2:datatake_id": f"GS2A_{day.replace('-', '')}T10{orbit:02d}51_047121_N05.10",
            }
            yield item


def planned(size):
    """Choosing scenes, and the plan's stream from end to end, as `idgbr plan` has them."""
    import catalogs
    import pipeline.planning.plan  # noqa: F401 - what planning imports is not its own time
    from pipeline.planning.blocks import Blocks
    from pipeline.planning.totals import block_totals
    from pipeline.segment.block import reach

    extent, before = extent_of(size), peak_mb()
    begun = time.perf_counter()
    items = list(items_over(extent))
    made, spent = time.perf_counter(), time.process_time()
    scenes = catalogs.choose(items, BANDS).scenes
    chosen, choosing = time.perf_counter(), time.process_time() - spent
    settings = SimpleNamespace(bands=BANDS, window=256, overlap=64, boundary_radius=4)
    blocks = Blocks(extent, scenes, reach(settings.window, settings.boundary_radius), b"mosaic", b"landcover")
    plan = SimpleNamespace(
        model=SimpleNamespace(settings=settings), extent=extent, blocks=lambda: blocks.plans(None, None)
    )
    found = block_totals(plan)
    ended = time.perf_counter()
    return {
        "blocks": found.blocks,
        "scenes": len(scenes),
        "views a block": found.views / found.blocks,
        "items s": made - begun,
        "choosing s": chosen - made,
        "stream s": ended - chosen,
        "ms a block": (ended - chosen) / found.blocks * 1e3,
        "planning s": ended - made,
        "CPU s": time.process_time() - spent,
        "of it choosing": choosing,
        "MB": peak_mb() - before,
    }


class Instant:
    """Workers that answer at once: what is left is the queue's and the pool's own time."""

    def __init__(self, groups):
        self.groups, self.asked, self.last = dict(enumerate(groups)), deque(), 0

    def ready(self):
        return self.groups

    def submit(self, worker, method, task, pause):
        self.last += 1
        self.asked.append(self.last)
        return self.last

    def wait(self, futures, seconds):
        from cluster.worker_host import Attempt

        return self.asked.popleft(), Attempt()


def dispatched(size):
    """Blocks of a map through queue and pool, the first ones of a large map."""
    from cluster import Pool, WorkerGroup
    from pipeline.execution.queue import BlockQueue
    from pipeline.execution.resources import SEGMENT_CONCURRENCY
    from pipeline.planning.blocks import BlockPlan, Blocks

    extent, before = extent_of(size), peak_mb()
    stream = (BlockPlan(block, (), 0, 1, 1, True, True, "new") for block in extent.blocks())
    queue = BlockQueue(itertools.islice(stream, DISPATCHED), Blocks(extent, (), 260, b"", b"").seen_by)
    next_block = {"mosaic": queue.next_mosaic, "segment": queue.next_segmentation}
    groups = [
        WorkerGroup(concurrency_groups={"segment": SEGMENT_CONCURRENCY}, gpus=1),
        WorkerGroup(concurrency_groups={"mosaic": 1}),
    ] * PAIRS
    count, begun, spent = 0, time.perf_counter(), time.process_time()
    for outcome in Pool(Instant(groups), 3).run(STAGES[::-1], lambda stage: next_block[stage]()):
        if outcome.method == "mosaic":
            queue.mosaic_committed(outcome.task.block)
        count += outcome.method == "segment"
    took, spent = time.perf_counter() - begun, time.process_time() - spent
    return {
        "dispatched": count,
        "ms a block": took / count * 1e3,
        "CPU ms a block": spent / count * 1e3,
        "MB": peak_mb() - before,
    }


def committed(size, splitting):
    """The driver's part of commits of 8 blocks in both stages to a map whose other shards are all there."""
    import icechunk
    import zarr

    from pipeline.cube import store
    from pipeline.cube.create import add_period
    from pipeline.cube.cube import Cube
    from pipeline.cube.schema import Layout
    from pipeline.execution.commit import Committer, FinishedBlock
    from pipeline.planning.blocks import BlockPlan
    from pipeline.storage.files import files_at

    extent, before = extent_of(size), peak_mb()
    layout = Layout(extent, BANDS, tuple({"code": n, "name": f"class {n}", "color": "#000000"} for n in (1, 2)))
    with tempfile.TemporaryDirectory() as folder:
        plain = icechunk.local_filesystem_storage(f"{folder}/store")
        repository = Cube.create(folder).repository if splitting else icechunk.Repository.create(plain)
        session = repository.writable_session("main")
        add_period(zarr.open_group(session.store), layout, (date(2024, 1, 1), date(2024, 12, 31)))
        session.commit("arrays")
        middle = extent.block_range.y0 + extent.block_range.shape[0] // 2
        blocks = list(itertools.islice((block for block in extent.blocks() if block[0] >= middle), 8 * COMMITS))
        begun = time.perf_counter()
        for name in filled():
            fill(repository, name, extent, {extent.slot(block) for block in blocks}, splitting)
        filling, driver, commits = time.perf_counter() - begun, 0.0, []
        committer = Committer(
            Cube(Path(folder), files_at(Path(folder)), repository), SimpleNamespace(branch="main", extent=extent), 0
        )
        for first in range(0, len(blocks), 8):
            finished = []
            for block, stage in itertools.product(blocks[first : first + 8], STAGES):
                plan = BlockPlan(block, (), 0, 1, 1, True, True, "new")
                begun = time.perf_counter()
                task = committer.task(plan)
                driver += time.perf_counter() - begun
                finished.append(FinishedBlock(stage, plan, written(task, extent, stage)))
            begun = time.perf_counter()
            committer.commit(finished, {})
            commits.append(time.perf_counter() - begun)
            driver += commits[-1]
        begun = time.perf_counter()
        opened = Cube.open(folder).repository if splitting else repository
        group = zarr.open_group(opened.readonly_session("main").store, mode="r")
        _ = store.read_window(store.array(group, "landcover"), 0, extent, extent.covered(blocks[0]))
        return {
            "ms a commit": sorted(commits)[len(commits) // 2] * 1e3,
            "blocks a commit": len(blocks) / len(commits),
            "ms a block": driver / len(blocks) * 1e3,
            "ms to open and read": (time.perf_counter() - begun) * 1e3,
            "filling s": filling,
            "MB": peak_mb() - before,
        }


def filled():
    from pipeline.cube.schema import DAYS, LABELS

    return ("mosaic", *LABELS, *DAYS)


def fill(repository, name, extent, without, splitting):
    """Gives an array references to nothing, so that its manifests are as long as those of a whole map.

    Where they are split a commit touches those around `without`: the others get one reference each. zarr reads the
    shard that it replaces (3.1.6), so the blocks in `without`, which are written, have none.
    """
    from icechunk import VirtualChunkSpec

    from pipeline.cube.store import SHARDS_A_MANIFEST as side

    rows, cols = extent.block_range.shape
    cells = {(y // side, x // side) for y, x in without}
    there = [
        (y, x)
        for y, x in itertools.product(range(rows), range(cols))
        if not splitting or (y // side, x // side) in cells or (y % side == 0 and x % side == 0)
    ]
    band = [0] if name == "mosaic" else []
    session = repository.writable_session("main")
    references = [
        VirtualChunkSpec([0, *band, *at], "file:///nowhere/shard", 0, 16) for at in there if at not in without
    ]
    session.store.set_virtual_refs(name, references, validate_containers=False)
    session.commit(f"fill {name}")


def written(task, extent, stage):
    """What a worker brings back: shards of one value in all that its stage writes."""
    import numpy as np
    import zarr

    from pipeline.cube import store
    from pipeline.execution.task import BlockResult

    fork = pickle.loads(task.fork)
    group, shape = zarr.open_group(fork.store), extent.covered(task.block).shape
    names = filled()
    for name in names[1:5] if stage == "segment" else (names[0], *names[5:]):
        array = store.array(group, name)
        values = np.full((*array.shape[1:-2], *shape), 7, array.dtype)
        store.write_block(group, name, task.time, extent, task.block, values)
    return BlockResult(task.block, fork, {}, 1, True, {})


PARTS = {
    "planning": planned,
    "dispatch": dispatched,
    "commits": lambda size: committed(size, splitting=True),
    "commits, unsplit": lambda size: committed(size, splitting=False),
}


def child(part, size):
    """One part in a process of its own; its answer is its last line."""
    command = [sys.executable, __file__, "--one", part, str(size)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"{part}, {size}: " + ", ".join(f"{key} {value:.4g}" for key, value in found.items()), file=sys.stderr)
    return found


def main(sizes, parts, json_file):
    from pipeline.console.tables import print_table

    os.environ.setdefault("COLUMNS", "132")
    found = {}
    for part in parts:
        asked = [n for n in sizes if part != "commits, unsplit" or n <= MOST_UNSPLIT]
        found[part] = {str(n): child(part, n) for n in (*asked, *([CONTINENT] if part == "planning" else []))}
    cores, load = os.cpu_count(), os.getloadavg()[0]
    for part, rows in found.items():
        columns = list(next(iter(rows.values())))
        first = next(iter(rows.values()))["ms a block"]
        shown = [
            (n, *(f"{row[key]:,.4g}" for key in columns), f"{row['ms a block'] / first:.2f}") for n, row in rows.items()
        ]
        print_table(f"{part}: {cores} cores, load {load:.1f}", shown, ("blocks in the map", *columns, "x the first"))
    if json_file:
        json_file.write_text(json.dumps({"cores": cores, "load": load, **found}, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(PARTS[sys.argv[2]](sys.argv[3])))
    else:
        parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
        parser.add_argument("--json", type=Path)
        parser.add_argument("--sizes", type=lambda text: [int(n) for n in text.split(",")], default=SIZES)
        parser.add_argument(
            "--parts", type=lambda text: text.split(";"), default=list(PARTS), help="between semicolons"
        )
        asked = parser.parse_args()
        main(asked.sizes, asked.parts, asked.json)

"""What the driver spends on a block, from 100 to a million of them: planning, dispatch, commits; no pixel is read.

    python tests/benchmarks/driver.py [--json FILE] [--sizes 100,10000,1000000]

Maps are squares of so many blocks of 256 px at 10 m with Sentinel-2 tiles of 110 km on twelve dates, and a continent
of 30 million km2 in blocks of 2048 px. Planning starts from STAC items and goes through the stream that a run
executes; its memory is the peak of a process of its own, less what its imports took. Dispatch is the real feed and pool
with workers that answer at once. Commits go by the real committer to a repository that already holds every shard of
every array (as references without data), beside one that Icechunk makes unless told otherwise.
"""

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from datetime import date
from math import ceil, sqrt
from pathlib import Path
from types import SimpleNamespace

SIZES = (100, 10_000, 1_000_000)
CONTINENT = "continent"
DATES, TILE, LAP = 12, 100_000, 10_000
BLOCK, CREW = 256, 8
DISPATCHED, COMMITS = 50_000, 6
BANDS = ("blue", "green", "red", "nir")
TIMED_OUT = 600


def extent_of(size):
    """A square of so many blocks around the middle of Africa's grid."""
    from pipeline.grid import Extent, Grid, Window

    side, block = (268, 2048) if size == CONTINENT else (ceil(sqrt(int(size))), BLOCK)
    low = -(side // 2) * block
    return Extent(Grid("ESRI:102022", 10.0, block), Window(low, low, low + side * block, low + side * block))


def items_over(extent):
    """Copies of a simulated item, each parsed on its own as a catalog's answer is, laid over the extent."""
    import numpy as np

    from catalogs.simulated import Overpass, simulate
    from pipeline.grid import LONLAT, transformer

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
            item["properties"] |= {
                "datetime": f"{day}T10:{orbit:02d}:51.024Z",
                "grid:code": f"MGRS-{tile}",
                "s2:datatake_id": f"GS2A_{day.replace('-', '')}T10{orbit:02d}51_047121_N05.10",
            }
            yield item


def planned(size):
    """Choosing scenes, and the plan's stream from end to end, as `idgbr plan` has them."""
    import catalogs
    from pipeline.blocks import Blocks
    from pipeline.segment import reach
    from pipeline.survey import Survey, surveyed

    extent, before = extent_of(size), peak()
    begun = time.perf_counter()
    items = list(items_over(extent))
    made = time.perf_counter()
    scenes = catalogs.choose(items, BANDS).kept
    chosen = time.perf_counter()
    settings = SimpleNamespace(bands=BANDS, window=256, overlap=64, radius=4)
    blocks = Blocks(extent, scenes, reach(settings.window, settings.radius), b"mosaic", b"landcover")
    plan = SimpleNamespace(model=SimpleNamespace(settings=settings), extent=extent, blocks=lambda: blocks.plans(None, None))
    found = Survey()
    for _ in surveyed(plan, found):
        pass
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
        "MB": peak() - before,
    }


class Instant:
    """Workers that answer at once: what is left is the feed's and the pool's own time."""

    def __init__(self, crews):
        self.crews, self.asked, self.last = dict(enumerate(crews)), deque(), 0

    def ready(self):
        return self.crews

    def submit(self, worker, method, task, pause):
        self.last += 1
        self.asked.append(self.last)
        return self.last

    def finished(self, tickets, seconds):
        from cluster.host import Attempt

        return self.asked.popleft(), Attempt()


def dispatched(size):
    """Blocks of a map through feed and pool, the first ones of a large map; and whether the later ones cost more."""
    from cluster import Crew, Pool
    from pipeline.blocks import BlockPlan, Blocks
    from pipeline.crew import AHEAD
    from pipeline.feed import Feed
    from pipeline.work import STAGES

    extent, before = extent_of(size), peak()
    stream = (BlockPlan(block, (), 0, 1, 1, True, True, "new") for block in extent.blocks())
    feed = Feed(itertools.islice(stream, DISPATCHED), Blocks(extent, (), 260, b"", b"").seen_by, lambda plan: True)
    crew = [Crew(lanes={"segment": AHEAD}, gpus=1), Crew(lanes={"mosaic": 1})] * CREW
    marks, begun = [], time.perf_counter()
    for outcome in Pool(Instant(crew), 3).run(STAGES, lambda stage: feed.mosaic() if stage == "mosaic" else feed.segment()):
        if outcome.method == "mosaic":
            feed.made(outcome.task.block)
        marks.append(time.perf_counter())
    count, tenth = len(marks) // 2, max(len(marks) // 10, 1)
    late, early = marks[-1] - marks[-tenth], marks[tenth - 1] - begun
    return {"blocks": count, "ms a block": (marks[-1] - begun) / count * 1e3, "late/early": late / early, "MB": peak() - before}


def committed(size, splitting):
    """The driver's part of commits of 16 blocks to a map whose every shard is there already."""
    import icechunk
    import numpy as np
    import zarr

    from pipeline import store
    from pipeline.blocks import BlockPlan
    from pipeline.commit import Committer, Progress
    from pipeline.layout import DAYS, LABELS, Layout, prepare
    from pipeline.worker import Done

    extent, before = extent_of(size), peak()
    layout = Layout(extent, BANDS, tuple({"code": code, "name": f"class {code}", "color": "#000000"} for code in (1, 2)))
    with tempfile.TemporaryDirectory() as folder:
        if not splitting:
            Path(folder, "store").mkdir()
            icechunk.Repository.create(store._storage(Path(folder)), icechunk.RepositoryConfig())
        repository = store.repository(folder, create=True) if splitting else _plain(folder)
        session = repository.writable_session("main")
        prepare(zarr.open_group(session.store), layout, (date(2024, 1, 1), date(2024, 12, 31)))
        session.commit("arrays")
        for name in ("mosaic", *LABELS, *DAYS):
            _fill(repository, name, extent, (0,) if name == "mosaic" else ())
        plan = SimpleNamespace(branch="main", extent=extent, region=SimpleNamespace(commit_every=16))
        committer = Committer(repository, plan, 0, Progress(), lambda: None, lambda stage, block: None)
        middle = extent.block_range.y0 + extent.block_range.shape[0] // 2
        row = [(iy, ix) for iy, ix_N in extent.rows() for ix in ix_N.tolist() if iy >= middle][: 8 * COMMITS]
        driver, commits = 0.0, []
        for n, (block, stage) in enumerate((block, stage) for block in row for stage in ("mosaic", "segment")):
            each = BlockPlan(block, (), 0, 1, 1, True, True, "new")
            begun = time.perf_counter()
            task = committer.task(each)
            driver += time.perf_counter() - begun
            done = Done(block, _written(task, extent, stage), {}, 1, True, {})
            begun = time.perf_counter()
            committer.add(stage, each, done)
            took = time.perf_counter() - begun
            driver += took
            commits += [took] if n % 16 == 15 else []
        reading = time.perf_counter()
        _ = np.asarray(store.array(store.reader(store.repository(folder), branch="main"), "landcover")[0, *_corner(extent, row[0])])
        return {
            "shards an array": len(range(*extent.block_range.slices((0, 0))[0].indices(10**9))),
            "ms a commit": sorted(commits)[len(commits) // 2] * 1e3,
            "ms a block": driver / len(row) * 1e3,
            "ms to open and read": (time.perf_counter() - reading) * 1e3,
            "MB": peak() - before,
        }


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

"""How busy a run keeps its device, and what a user's own script and Ray Data make of the same device and files.

    python tests/benchmarks/utilisation.py [--json FILE] [--costs 175] [--rows 40]

The device is one of fixed cost (`fixed_cost.py`): a batch of four windows of 256 px takes so many milliseconds, and no
core. Blocks of 512 px, ten columns of up to 40 rows, come from full-size COGs of two tiles (`full_size.py`, made once
in out/).

Ours is `run` with one Ray worker that does both stages, and with a worker that has a logical GPU and one that mosaics.
A user's script loads block by block with odc.stac on two threads, masks by SCL, takes nanmedian, computes the same
number of batches (it reads no halo: less than ours does) and writes the block's region of a zarr; Ray Data does the
same as map, map_batches on one actor, map. Each runs in a process of its own. Imports are not counted; `work` ends with
the last block that can be read and begins when workers are up, `all` has the start of Ray and planning and publishing
too.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
from fixed_cost import BANDS, CLASSES, Cost, fixed_cost, model_folder, ray_here
from full_size import DATES, SOUTH, full_size_items
from loaders import by_numpy, odc_threads
from mosaic import FOLDER

from idgbr.inference.tiling import WindowLattice
from pipeline.geometry.grid import Grid, Window, transformer
from pipeline.segment.block import lattice_windows

GRID = Grid("EPSG:3035", 10.0, 512)
COLUMNS, ROWS, PASSES, WINDOW, STRIDE, RADIUS, BATCH = 10, 40, 4, 256, 192, 4, 4
ALONE, OURS, GPU = "the model alone", "ours, 1 worker", "ours, 1 GPU + 1 helper"
SHOWN = "", "work s", "all s", "km2/s", "of alone", "busy, first to last", "busy, of work", "windows", "x ours"
SCRIPT, RAY_DATA = "a script: odc.stac, torch, zarr", "Ray Data: odc.stac, torch, zarr"


def items_of():
    """The scenes' items; the southern tile is made for this alone."""
    south = full_size_items(FOLDER / "south", SOUTH, DATES[:PASSES])
    return [*full_size_items(FOLDER)[:PASSES], *south]


def blocks(rows):
    """Blocks in the middle of the two tiles, of which no more than ROWS rows are full."""
    x, y = transformer("EPSG:32632", GRID.crs).transform(645_000, SOUTH[1])
    iy, ix = int(-y / GRID.resolution) // GRID.block, int(x / GRID.resolution) // GRID.block
    return [(iy - rows // 2 + row, ix + col) for row in range(rows) for col in range(COLUMNS)]


def whole(rows):
    """All of them as one window."""
    first, last = (GRID.block_window(block) for block in (blocks(rows)[0], blocks(rows)[-1]))
    return Window(first.y0, first.x0, last.y1, last.x1)


def windows(block, rows):
    """How many windows a run lays over a block; those that see nothing of the region it leaves out."""
    lattice = lattice_windows(WindowLattice(WINDOW, WINDOW - STRIDE), GRID.block_window(block).pad(RADIUS))
    return sum(not (window & whole(rows)).empty for window in lattice)


def batches(block, rows):
    """How many batches a block takes on its own."""
    return -(-windows(block, rows) // BATCH)


def region(folder, items, rows):
    """The region file of just these blocks."""
    import shapely
    import yaml

    from pipeline.config.region_file import load

    left, bottom, right, top = GRID.bounds(whole(rows))
    outline = shapely.segmentize(shapely.box(left + 20, bottom + 20, right - 20, top - 20), 1000)
    lonlat = shapely.transform(outline, lambda xy: np.stack(transformer(GRID.crs, "EPSG:4326").transform(*xy.T), 1))
    (folder / "area.geojson").write_text(shapely.to_geojson(lonlat))
    (folder / "items.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))
    grid = {"crs": "europe", "resolution": 10, "block": GRID.block}
    content = {"name": "busy", "cube": "cube", "catalog": "items.ndjson", "polygon": "area.geojson", "grid": grid,
               "allowed_paths": [str(FOLDER)], "period": ["2024-05-01", "2024-08-31"],
               "model": str(model_folder(folder / "model"))}  # fmt: skip
    (folder / "region.yaml").write_text(yaml.safe_dump(content))
    return load(folder / "region.yaml")


def alone(folder, items, cost, rows):
    begun, batch = time.perf_counter(), np.zeros((BATCH, len(BANDS), WINDOW, WINDOW), np.uint16)
    for _ in range(-(-sum(windows(block, rows) for block in blocks(rows)) // BATCH)):
        cost.logits(batch)
    return {"work": time.perf_counter() - begun}


def ours(folder, items, cost, rows, gpus=0):
    from pipeline.execution.run import run

    where = region(folder, items, rows)
    begun = time.perf_counter()
    with ray_here(2, gpus), fixed_cost(cost):
        report = run(where, workers=1, address="local")
    assert asdict(report.done) == {"mosaic": len(blocks(rows)), "segment": len(blocks(rows))}, report.done
    work = report.seconds["work"] - report.seconds["start"]
    return {"work": work, "all": time.perf_counter() - begun, **{f"s {step}": s for step, s in report.work.items()}}


def script(folder, items, cost, rows):
    target = cube(folder, rows)
    begun = time.perf_counter()
    for block in blocks(rows):
        write(target, block, inferred(cost, loaded(items, block), block, rows))
    took = time.perf_counter() - begun
    return {"work": took, "all": took}


def ray_data(folder, items, cost, rows):
    """Ray Data's own way: a stage to load, an actor to compute, a stage to write, streamed between them."""
    begun, target = time.perf_counter(), cube(folder, rows)
    with ray_here(2, 1, 2 * 2**30):
        import ray

        class Model:
            def __call__(self, batch):
                made = [inferred(cost, m, tuple(b), rows) for m, b in zip(batch["mosaic"], batch["block"], strict=True)]
                return {"block": batch["block"], "made": np.stack(made)}

        def load(row):
            return {"block": np.array(row["block"]), "mosaic": loaded(items, tuple(row["block"]))}

        def save(row):
            write(target, tuple(row["block"]), row["made"])
            return {"written": 1}

        ray.data.DataContext.get_current().enable_progress_bars = False
        worked = time.perf_counter()
        todo = ray.data.from_items(
            [{"block": list(block)} for block in blocks(rows)], override_num_blocks=len(blocks(rows))
        )
        done = (
            todo.map(load)
            .map_batches(Model, batch_size=1, compute=ray.data.ActorPoolStrategy(size=1), num_cpus=0, num_gpus=1)
            .map(save)
        )
        assert sum(row["written"] for row in done.iter_rows()) == len(blocks(rows))
        ended = time.perf_counter()
    return {"work": ended - worked, "all": time.perf_counter() - begun}


def loaded(items, block):
    """A block's cloud-free median, uint16 BHW."""
    window = GRID.block_window(block)
    dn, scl = odc_threads([item for item in items if touches(item, window)], GRID, window)
    return np.nan_to_num(by_numpy(dn, scl, (2, 4, 5, 6, 7, 11))).astype(np.uint16)


def touches(item, window):
    x, y = transformer("EPSG:4326", GRID.crs).transform(*np.array(item["geometry"]["coordinates"][0]).T)
    left, bottom, right, top = GRID.bounds(window)
    return left < x.max() and x.min() < right and bottom < y.max() and y.min() < top


def inferred(cost, mosaic_BHW, block, rows):
    """A block's labels: as many batches as a run computes of it, blended by adding up."""
    side = GRID.block
    total_KHW = np.zeros((len(CLASSES), side, side), np.float32)
    corners = [(y, x) for y in range(0, side, STRIDE) for x in range(0, side, STRIDE)]
    for n in range(batches(block, rows)):
        windows = [np.resize(mosaic_BHW[:, y : y + WINDOW, x : x + WINDOW], (len(BANDS), WINDOW, WINDOW))
                   for y, x in (corners * BATCH)[n * BATCH : (n + 1) * BATCH]]  # fmt: skip
        logits_NKHW = cost.logits(np.stack(windows)).numpy()
        for (y, x), logits_KHW in zip(corners[n * BATCH : (n + 1) * BATCH], logits_NKHW, strict=False):
            part = total_KHW[:, y : y + WINDOW, x : x + WINDOW]
            part += logits_KHW[:, : part.shape[1], : part.shape[2]]
    return total_KHW.argmax(0).astype(np.uint8) + 1


def cube(folder, rows):
    import zarr

    shape = rows * GRID.block, COLUMNS * GRID.block
    zarr.create_array(folder / "out.zarr", shape=shape, chunks=(GRID.block, GRID.block), dtype="uint8")
    return folder / "out.zarr", *blocks(rows)[0]


def write(target, block, label_HW):
    import xarray as xr
    import zarr

    path, iy, ix = target
    y, x = (block[0] - iy) * GRID.block, (block[1] - ix) * GRID.block
    zarr.open_array(path, mode="r+")[y : y + GRID.block, x : x + GRID.block] = xr.DataArray(label_HW).values


WAYS = {ALONE: alone, OURS: ours, GPU: lambda *how: ours(*how, gpus=1), SCRIPT: script, RAY_DATA: ray_data}


def one(name, milliseconds, rows):
    items = items_of()
    with tempfile.TemporaryDirectory(dir=FOLDER.parent) as folder:
        cost = Cost(milliseconds / 1000, Path(folder) / "busy.txt")
        done = WAYS[name](Path(folder), items, cost, rows)
        spent, between, windows = cost.busy()
    return done | {"device": spent, "between": between, "windows": windows}


def main(costs, rows, ways, json_file):
    from pipeline.console.tables import print_table

    os.environ.setdefault("COLUMNS", "132")
    items_of()
    km2 = len(blocks(rows)) * (GRID.block * GRID.resolution / 1000) ** 2
    found = {}
    for cost in costs:
        for name in ways:
            command = [sys.executable, __file__, "--one", name, str(cost), str(rows)]
            child = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found.setdefault(cost, {})[name] = done = json.loads(child.stdout.splitlines()[-1])
            # A run leaves out the window or two at the edge of which clouds hide all that the region has of it.
            assert done["windows"] >= 0.999 * next(iter(found[cost].values()))["windows"], f"{name}: {done['windows']}"
            print(f"{cost} ms, {name}: { ({k: round(v, 1) for k, v in done.items()}) }", file=sys.stderr)
    load = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    where = f"{len(blocks(rows))} blocks of {GRID.block} px, {km2:,.0f} km2, {load}"
    for cost, by_name in found.items():
        unit = by_name.get(GPU, next(iter(by_name.values())))["work"]
        rows_of = [row(name, done, by_name, km2, unit) for name, done in by_name.items()]
        print_table(f"{cost} ms a batch: {where}", rows_of, SHOWN)
    if json_file:
        json_file.write_text(json.dumps({"where": where, "by cost": found}, indent=1) + "\n")


def row(name, done, by_name, km2, unit):
    alone = by_name[ALONE]["work"] if ALONE in by_name else float("nan")
    shares = alone / done["work"], done["device"] / done["between"], done["device"] / done["work"]
    numbers = f"{done['work']:.1f}", f"{done.get('all', done['work']):.1f}", f"{km2 / done['work']:.2f}"
    return name, *numbers, *(f"{share:.1%}" for share in shares), str(done["windows"]), f"{done['work'] / unit:.2f}"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))))
    else:
        parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
        parser.add_argument("--json", type=Path)
        parser.add_argument("--costs", type=lambda text: [int(n) for n in text.split(",")], default=[175])
        parser.add_argument("--rows", type=int, choices=range(1, ROWS + 1), default=ROWS)
        parser.add_argument("--ways", type=lambda text: text.split(";"), default=list(WAYS))
        asked = parser.parse_args()
        main(asked.costs, asked.rows, asked.ways, asked.json)

"""A point of `idgbr serve`, with what its block was made from, beside zarr's read of the same arrays of a plain export.

The cube is synthetic, of `--side` blocks of 1024 px a side, with all arrays and a run of `--scenes` scenes. Points lie
in chunks that were not asked for before (first), then elsewhere in these (again). All is asked in turn over connections
that are kept; bare zarr reads in this process, `FastAPI` is `bare_points.py`. `--other FOLDER` adds the service of
another checkout.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from repeated_cube import PERIOD, publish_repeated
from serve import BANDS, BLOCK, Service, get, percentile, running

CHUNK = 512
OURS, OTHER, BARE, PLAIN, NOTHING = "idgbr serve", "idgbr serve, other", "bare zarr", "FastAPI, zarr", "FastAPI, {}"


def make(folder: Path, side: int, scenes: int) -> None:
    """A published cube with all arrays, and the files of the run that made it."""
    from made_items import made_item
    from scipy import ndimage

    from pipeline.cube.schema import day_number
    from pipeline.scenes.item_list import write_items
    from pipeline.storage.files import files_at

    rng = np.random.default_rng(0)
    smooth_KHW = ndimage.gaussian_filter(rng.normal(size=(6, BLOCK, BLOCK)), (0, 6, 6), mode="wrap") * 20
    label_HW = (np.argmax(smooth_KHW, 0) * 10 + 10).astype(np.uint8)
    percent_HW = (70 + 10 * smooth_KHW[0]).clip(1, 100).astype(np.uint8)
    day_HW = percent_HW // 4 + np.uint16(day_number(PERIOD[0]))
    arrays = {
        "landcover": label_HW,
        "coarse": np.roll(label_HW, 3, 1),
        "confidence": percent_HW,
        "refined": percent_HW % 3,
        "observations": percent_HW // 9,
        "first_clear": day_HW,
        "last_clear": day_HW + np.uint16(40),
        "mosaic": (900 + 200 * smooth_KHW[:4] + rng.normal(0, 30, (4, BLOCK, BLOCK))).clip(1, 9999).astype(np.uint16),
    }
    publish_repeated(folder, BLOCK, (-280, 440), side, BANDS, "#80{code:02x}40", arrays)
    tiles = [(x, y, x + 1.1, y + 1.1) for y in range(46, 51) for x in range(8, 18)]
    items = [made_item(f"scene-{at}", bounds=tiles[at % len(tiles)]) for at in range(scenes)]
    used = [{"id": item["id"], "datetime": item["properties"]["datetime"]} for item in items]
    write_items(files_at(folder), "runs/a/scenes.parquet", items)
    files_at(folder).write("runs/a/applied.json", json.dumps({"used": used}))


def measure(services: dict[str, Service], export: Path, side: int, rng: random.Random) -> None:
    import zarr

    from pipeline.cube.schema import DAYS, LABELS, Layout
    from pipeline.cube.store import array
    from pipeline.geometry.grid import LONLAT, transformer

    group = zarr.open_group(export, mode="r")
    extent = Layout.of(group).extent
    size = extent.grid.resolution
    arrays = [array(group, name) for name in (*LABELS, *DAYS, "mosaic")]
    connections = {name: service.connect() for name, service in services.items()}
    spent: dict[tuple[str, str], list[tuple[float, float]]] = {}

    def ask(when: str, row: int, col: int) -> None:
        down, along = ((origin + at + 0.5) * size for origin, at in zip(extent.origin, (row, col), strict=True))
        lon, lat = transformer(extent.grid.crs, LONLAT).transform(along, -down)
        paths = {OURS: f"/point?lon={lon}&lat={lat}", PLAIN: f"/point?row={row}&col={col}", NOTHING: "/"}
        asks = {
            name: lambda name=name: get(connections[name], paths[OURS if name == OTHER else name]) for name in services
        }
        asks[BARE] = lambda: [np.asarray(source[0, ..., row, col]) for source in arrays]
        for name in rng.sample(list(asks), len(asks)):
            cpu = services[name].cpu if name in services else time.process_time
            begun, before = time.perf_counter(), cpu()
            asks[name]()
            spent.setdefault((when, name), []).append((time.perf_counter() - begun, cpu() - before))

    chunks = [(y, x) for y in range(side * BLOCK // CHUNK) for x in range(side * BLOCK // CHUNK)]
    for y, x in rng.sample(chunks, len(chunks)):
        for when in ("first", "again"):
            ask(when, y * CHUNK + rng.randrange(CHUNK), x * CHUNK + rng.randrange(CHUNK))
    print("| point of a chunk | p50, ms | p95 | CPU | p50 / bare zarr |")
    print("|---|---|---|---|---|")
    for (when, name), rows in sorted(spent.items(), reverse=True):
        wall, cpu = zip(*rows, strict=True)
        bare = percentile([row[0] for row in spent[when, BARE]], 50)
        cells = percentile(wall, 50), percentile(wall, 95), 1000 * np.mean(cpu), percentile(wall, 50) / bare
        print(f"| {when}, {name} | {' | '.join(f'{cell:.2f}' for cell in cells)} |")


def main() -> None:
    from s3_server import free_port

    from pipeline.cube.cube import Cube
    from pipeline.export.plain_zarr import export_zarr

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=8)
    parser.add_argument("--scenes", type=int, default=2000)
    parser.add_argument("--other", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        cube, export = Path(folder) / "cube", Path(folder) / "export.zarr"
        make(cube, asked.side, asked.scenes)
        export_zarr(Cube.open(cube), export)
        os.environ |= {"EXPORT": str(export), "PYTHONPATH": str(Path(__file__).parent)}
        serve = [sys.executable, "-m", "pipeline.cli", "serve", str(cube), "--port"]
        bare = [sys.executable, "-m", "uvicorn", "bare_points:app", "--log-level", "warning", "--no-access-log"]
        commands = {OURS: serve, PLAIN: [*bare, "--port"], NOTHING: [*bare, "--port"]}
        if asked.other:
            commands[OTHER] = ["env", "-C", str(asked.other), f"PYTHONPATH={asked.other}", *serve]
        services = {}
        for name, command in commands.items():
            port = free_port()
            services[name] = stack.enter_context(running(name, [*command, str(port)], port))
        measure(services, export, asked.side, random.Random(asked.seed))


if __name__ == "__main__":
    main()

"""Class areas of 1,000 zones over 1e9 pixels: `idgbr stats` beside exactextract over a GeoTIFF and xarray with flox.

    OMP_NUM_THREADS=1 python tests/benchmarks/zones.py [--side 16] [--zones 1000] [--folder FOLDER]

The cube has side x side blocks of 2048 pixels and two periods; one encoded shard stands under all keys of a period.
Each row of the table is a process of its own, one thread: wall and CPU seconds, and peak memory. "again": a second
question, the other period, with what the first has left: polygons in ours, the weight of each pixel in the coverage
that is kept.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import shapely
from memory import peak_mb

CODES = (10, 20, 30, 40, 50, 60, 80, 90)
SIDE = 2048
PERIODS = (date(2023, 1, 1), date(2023, 12, 31)), (date(2024, 1, 1), date(2024, 12, 31))
RESOLUTION = 10


def patches(seed):
    """A block of patches that look like fields and woods: the largest of smooth noise for each class."""
    from scipy.ndimage import zoom

    rng = np.random.default_rng(seed)
    small = np.argmax([zoom(rng.random((64, 64)), 8, order=1) for _ in CODES], axis=0)
    return np.array(CODES, np.uint8)[np.kron(small, np.ones((4, 4), np.int64))]


def build(folder, side):
    from zarr.core.buffer import default_buffer_prototype
    from zarr.core.sync import sync

    from pipeline.cube import store, versions
    from pipeline.cube.checked_store import session_group
    from pipeline.cube.create import add_period
    from pipeline.cube.cube import Cube
    from pipeline.cube.schema import MAPPED, Layout
    from pipeline.geometry.extent import Extent
    from pipeline.geometry.grid import Grid, Window

    classes = tuple({"code": code, "name": f"class {code}", "color": "#000000"} for code in CODES)
    window = Window(-150 * SIDE, 200 * SIDE, (-150 + side) * SIDE, (200 + side) * SIDE)
    layout = Layout(Extent(Grid("EPSG:3035", RESOLUTION, SIDE), window), ("red",), classes)
    cube = Cube.create(folder / "cube")
    base = versions.start_branch(cube, "run-a")
    session = cube.repository.writable_session("run-a")
    group = session_group(session)
    for time_, period in enumerate(PERIODS):
        add_period(group, layout, period)
        code_HW = patches(time_)
        landcover = store.array(group, "landcover")
        landcover[time_, :SIDE, :SIDE] = code_HW
        key = f"{landcover.path}/c/{time_}"
        shard = sync(session.store.get(f"{key}/0/0", default_buffer_prototype()))
        for y in range(side):
            for x in range(side):
                if (y, x) != (0, 0):
                    sync(session.store.set(f"{key}/{y}/{x}", shard))
        pixels_K = [(code_HW == code).sum() for code in CODES]
        for name, value in (
            ("pixels", pixels_K),
            ("landcover", 1 + time_),
            ("aggregate", 1 + time_),
            ("state", MAPPED),
        ):
            record = store.array(group, f"blocks/{name}")
            record[time_] = np.broadcast_to(np.asarray(value, record.dtype), record.shape[1:])
    session.commit("one shard under all keys")
    versions.publish(cube, "run-a", base, replace(versions.Origin("a", "zones", side**2, 0), run="a"))
    return layout.extent


def write_tiffs(folder, extent):
    import rasterio
    from affine import Affine
    from rasterio.windows import Window

    left, _, _, top = extent.grid.bounds(extent.window)
    rows, cols = extent.window.shape
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": rows, "width": cols, "crs": "EPSG:3035"}
    profile |= {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "zstd", "zstd_level": 3, "nodata": 0}
    transform = Affine(RESOLUTION, 0, left, 0, -RESOLUTION, top)
    for n in range(2):
        code_HW = patches(n)
        with rasterio.open(folder / f"map{n}.tif", "w", transform=transform, **profile) as file:
            for y in range(0, rows, SIDE):
                for x in range(0, cols, SIDE):
                    file.write(code_HW, 1, window=Window(x, y, SIDE, SIDE))


def write_zones(folder, extent, count):
    """Districts that fill the extent, and three levels above: 3 x 3 districts, 10 x 10 and all; in its CRS."""
    import geopandas

    left, bottom, right, top = extent.grid.bounds(extent.window)
    across = down = round(count**0.5)
    rng = np.random.default_rng(1)
    corner = np.stack(np.meshgrid(np.linspace(left, right, across + 1), np.linspace(top, bottom, down + 1)), axis=2)
    cell = min((right - left) / across, (top - bottom) / down)
    corner[1:-1, 1:-1] += rng.uniform(-0.2, 0.2, corner[1:-1, 1:-1].shape) * cell
    lines = {}

    def line(a, b):
        if (b, a) in lines:
            return lines[b, a][::-1]
        if (a, b) not in lines:
            part = np.linspace(0, 1, 24)[:, None]
            points = corner[a] + part * (corner[b] - corner[a])
            inner = 0 < a[0] < down or 0 < b[0] < down, 0 < a[1] < across or 0 < b[1] < across
            bend = rng.uniform(-0.008, 0.008, points.shape) * cell * inner[::-1]
            points[1:-1] += bend[1:-1]
            lines[a, b] = points
        return lines[a, b]

    cells = {}
    for y in range(down):
        for x in range(across):
            ring = (y, x), (y, x + 1), (y + 1, x + 1), (y + 1, x), (y, x)
            cells[y, x] = shapely.Polygon(np.concatenate([line(a, b)[:-1] for a, b in pairwise(ring)]))
    shapes = list(cells.values())
    for factor in (3, 10, max(down, across)):
        groups = {}
        for (y, x), shape in cells.items():
            groups.setdefault((y // factor, x // factor), []).append(shape)
        shapes += [shapely.union_all(group) for group in groups.values()]
    level = ["district"] * len(cells) + ["above"] * (len(shapes) - len(cells))
    frame = geopandas.GeoDataFrame({"level": level}, geometry=shapes, crs=3035)
    frame.to_file(folder / "zones.gpkg")
    frame[: len(cells)].to_file(folder / "districts.gpkg")
    return len(cells), len(shapes)


def ours(folder):
    from pipeline.analysis.stats import stats
    from pipeline.analysis.zones import zones_of
    from pipeline.cube.cube import Cube

    cube = Cube.open(folder / "cube")
    zones = {
        True: zones_of(cube, folder / "zones.gpkg"),
        False: zones_of(cube, folder / "districts.gpkg"),
    }

    def ask(n, every):
        answer = stats(cube, zones[every], periods=[PERIODS[n][0]], workers=1)
        return np.array([row.hectares for row in answer.classes]).reshape(-1, len(CODES))

    return ask


def exactextract(folder):
    import geopandas
    from exactextract import exact_extract

    every_frame = geopandas.read_file(folder / "zones.gpkg")
    districts = len(geopandas.read_file(folder / "districts.gpkg"))

    def ask(n, every):
        frame = every_frame[districts:] if every else every_frame[:districts]
        table = exact_extract(str(folder / f"map{n}.tif"), frame, ["unique", "frac", "count"], output="pandas")
        hectares = np.zeros((len(frame), len(CODES)))
        for z, (unique, frac, pixels) in enumerate(zip(table["unique"], table["frac"], table["count"], strict=True)):
            hectares[z, np.searchsorted(CODES, unique)] = frac * pixels * RESOLUTION**2 / 1e4
        return hectares

    return ask


def flox(folder):
    import dask
    import geopandas
    import rioxarray
    import xarray as xr
    from flox.xarray import xarray_reduce
    from rasterio.features import rasterize

    frame = geopandas.read_file(folder / "districts.gpkg")
    pairs = [(shape, n + 1) for n, shape in enumerate(frame.geometry)]
    boxes = shapely.STRtree(frame.geometry.to_numpy())

    def label(block, transform):
        rows, cols = block.shape
        place = transform
        x0, y0 = place @ (0, 0)
        x1, y1 = place @ (cols, rows)
        near = boxes.query(shapely.box(x0, y1, x1, y0))
        return rasterize([pairs[at] for at in near], (rows, cols), transform=place, dtype="uint16")

    def ask(n, every):
        from affine import Affine

        data = rioxarray.open_rasterio(folder / f"map{n}.tif", chunks={"x": SIDE, "y": SIDE}).squeeze(drop=True)
        transform = data.rio.transform()

        def of(block, block_info=None):
            (y, _), (x, _) = block_info[0]["array-location"]
            return label(block, transform @ Affine.translation(x, y))

        zone = xr.DataArray(data.data.map_blocks(of, dtype="uint16"), dims=data.dims, name="zone")
        groups = np.arange(1, len(frame) + 1), np.array(CODES)
        counted = xarray_reduce(
            xr.ones_like(data, dtype="uint8"),
            zone,
            data.rename("code"),
            func="count",
            expected_groups=groups,
            fill_value=0,
        )
        with dask.config.set(scheduler="synchronous"):
            return np.asarray(counted.compute().transpose("zone", "code")) * RESOLUTION**2 / 1e4

    return ask


def kept(folder):
    """exactextract's weights of all pixels, computed once: 12 bytes a pixel of a zone."""
    import geopandas
    import rasterio
    from exactextract import exact_extract

    frame = geopandas.read_file(folder / "zones.gpkg")
    cells, weights = [], []
    for z in range(len(frame)):
        table = exact_extract(str(folder / "map0.tif"), frame.iloc[z : z + 1], ["cell_id", "coverage"], output="pandas")
        cells.append(table["cell_id"][0].astype(np.int64))
        weights.append(table["coverage"][0].astype(np.float32))

    def ask(n, every):
        with rasterio.open(folder / f"map{n}.tif") as file:
            code_N = file.read(1).ravel()
        return np.stack([np.bincount(code_N[c], w, 256)[list(CODES)] for c, w in zip(cells, weights, strict=True)]) * (
            RESOLUTION**2 / 1e4
        )

    return ask


WAYS = {"idgbr stats": ours, "exactextract": exactextract, "xarray + flox": flox, "coverage kept": kept}
QUESTIONS = {
    "idgbr stats": ("first", "districts", "all", "again"),
    "exactextract": ("districts", "above"),
    "xarray + flox": ("districts",),
    "coverage kept": ("first", "again"),
}
"""flox's groups cannot overlap. To exactextract a second question costs what the first did, and all zones what the
districts and those above them cost."""


def measure(folder, way):
    """What a process of its own prints: seconds of each question, and memory.

    The first question is that of the process, with what it loads and computes once.
    """
    clock = time.perf_counter(), time.process_time()
    ask = WAYS[way](folder)
    seconds = {}
    for question in QUESTIONS[way]:
        period = int(question == "again")
        every = question in ("all", "again") or (way == "coverage kept")
        answer = ask(period, every)
        now = time.perf_counter(), time.process_time()
        seconds[question] = now[0] - clock[0], now[1] - clock[1]
        np.save(folder / f"{way} {question}.npy", answer)
        clock = now
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb()}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, nargs="+", default=[4, 16], help="blocks per side, of each cube in turn")
    parser.add_argument("--districts", type=int, default=900)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(Path(options.measure[0]), options.measure[1])
        return
    for side in options.side:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            compare(Path(name), side, options.districts, options.ways)


def compare(folder, side, districts, ways):
    begun = time.perf_counter()
    extent = build(folder, side)
    write_tiffs(folder, extent)
    districts, count = write_zones(folder, extent, districts)
    pixels = (side * SIDE) ** 2
    built = time.perf_counter() - begun
    print(f"\n{pixels:.3g} pixels, {side**2} blocks, {districts} districts, {count} zones; built in {built:.0f} s")
    print("wall s / CPU s, x CPU of idgbr", flush=True)
    base = {}
    for way in ways:
        if way == "coverage kept" and pixels > 2e8:
            print(f"{way:14} left out: its weights would take {4 * pixels * 12 / 2**30:.0f} GiB", flush=True)
            continue
        done = subprocess.run(
            [sys.executable, __file__, "--measure", str(folder), way],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "GDAL_NUM_THREADS": "1"},
        )
        result = json.loads(done.stdout.splitlines()[-1])
        if "above" in result["seconds"]:
            parts = result["seconds"]["districts"], result["seconds"].pop("above")
            result["seconds"]["all"] = [sum(part) for part in zip(*parts, strict=True)]
            both = [np.load(folder / f"{way} {part}.npy") for part in ("districts", "above")]
            np.save(folder / f"{way} all.npy", np.concatenate(both))
        base = base or {question: cpu for question, (_, cpu) in result["seconds"].items()}
        words = [
            f"{question} {wall:.1f} / {cpu:.2f}, x{cpu / base[question]:.1f}"
            for question, (wall, cpu) in result["seconds"].items()
        ]
        print(f"{way:14} peak {result['peak_mb']:.0f} MB; {'; '.join(words)}", flush=True)
        for question in result["seconds"]:
            mine = folder / f"{ways[0]} {question}.npy"
            theirs = np.load(folder / f"{way} {question}.npy")
            if way != ways[0] and mine.exists() and np.load(mine).shape == theirs.shape:
                print(f"{'':14} {question}: areas differ by at most {abs(np.load(mine) - theirs).max():.2g} ha")


if __name__ == "__main__":
    main()

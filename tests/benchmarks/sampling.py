"""What a sample of a map of up to a billion pixels costs, beside one that is drawn from the map in memory.

    .venv/bin/python tests/benchmarks/sampling.py [--sides 4,8,16]

Maps are squares of SIDE x SIDE blocks of 2048 pixels with six classes. Both are processes of their own: 1,000 points by
the functions of `idgbr sample`, then what one would write with xarray and NumPy: load the map, list the pixels of each
class, choose. The rival is left out where its lists would need more memory than `--rival-gb`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import date

import numpy as np
import zarr
from memory import peak_mb
from scipy.ndimage import gaussian_filter

from pipeline import open_cube
from pipeline.analysis.sample_design import Wishes, draw_sample
from pipeline.analysis.strata import StratifiedMap
from pipeline.cube import store, versions
from pipeline.cube.create import add_period
from pipeline.cube.cube import Cube
from pipeline.cube.schema import MAPPED, Layout
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window

CODES = (10, 30, 40, 50, 60, 80)
SUMMER = date(2024, 5, 1), date(2024, 8, 31)
BLOCK, POINTS = 2048, 1000


def make(folder: str, side: int) -> None:
    """A published cube of side x side blocks, all of one landscape."""
    pixels = side * BLOCK
    classes = tuple({"code": code, "name": f"class {code}", "color": "#000000"} for code in CODES)
    layout = Layout(Extent(Grid("EPSG:3035", 10, BLOCK), Window(0, 0, pixels, pixels)), ("red",), classes)
    height_HW = gaussian_filter(np.random.default_rng(1).normal(size=(BLOCK, BLOCK)), 8, mode="wrap")
    edges = np.quantile(height_HW, (0.5, 0.8, 0.9, 0.96, 0.99))
    code_HW = np.array(CODES, np.uint8)[np.digitize(height_HW, edges)]
    cube = Cube.create(folder)
    base = versions.start_branch(cube, "run-a")
    session = cube.repository.writable_session("run-a")
    group = zarr.open_group(session.store)
    time = add_period(group, layout, SUMMER)
    landcover = store.array(group, "landcover")
    for y in range(0, pixels, BLOCK):
        for x in range(0, pixels, BLOCK):
            landcover[time, y : y + BLOCK, x : x + BLOCK] = code_HW
    counts = [int((code_HW == code).sum()) for code in CODES]
    for name, value in (("landcover", 1), ("aggregate", 1), ("state", MAPPED), ("pixels", counts)):
        record = store.array(group, f"blocks/{name}")
        record[time] = np.broadcast_to(np.array(value, record.dtype), record.shape[1:])
    session.commit("map")
    versions.publish(cube, "run-a", base, versions.Origin("a", "test", side * side, 0))


def ours(folder: str) -> int:
    cube = Cube.open(folder)
    of = StratifiedMap(cube, versions.resolve(cube), SUMMER[0])
    return len(draw_sample(of, Wishes(POINTS), 1).row_N)


def rival(folder: str) -> int:
    code_P = open_cube(folder).landcover.isel(time=0).values.ravel()
    rng, drawn = np.random.default_rng(1), 0
    for code in CODES:
        at_N = np.flatnonzero(code_P == code)
        drawn += len(rng.choice(at_N, max(50, round(POINTS * len(at_N) / len(code_P))), replace=False))
    return drawn


def measured(what: str, folder: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--only", what, "--folder", folder]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", default="4,8,16")
    parser.add_argument("--rival-gb", type=float, default=6)
    parser.add_argument("--only", choices=("ours", "rival"))
    parser.add_argument("--folder")
    asked = parser.parse_args()
    if asked.only:
        before, begun, used = peak_mb(), time.perf_counter(), time.process_time()
        points = {"ours": ours, "rival": rival}[asked.only](asked.folder)
        seconds, cpu = time.perf_counter() - begun, time.process_time() - used
        print(json.dumps({"points": points, "seconds": seconds, "cpu": cpu, "mb": peak_mb() - before}))
        return
    names = ("pixels", "blocks", "points", "s", "CPU s", "MB", "load: s", "CPU s", "MB", "times")
    print("".join(f"{name:>9}" for name in names))
    for side in map(int, asked.sides.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            make(folder, side)
            a = measured("ours", folder)
            line = f"{(side * BLOCK) ** 2:9.2g}{side**2:9}{a['points']:9}"
            line += f"{a['seconds']:9.2f}{a['cpu']:9.2f}{a['mb']:9.0f}"
            if (side * BLOCK) ** 2 * 6e-9 < asked.rival_gb:
                b = measured("rival", folder)
                line += f"{b['seconds']:9.2f}{b['cpu']:9.2f}{b['mb']:9.0f}{b['seconds'] / a['seconds']:9.1f}"
            print(line, flush=True)


if __name__ == "__main__":
    main()

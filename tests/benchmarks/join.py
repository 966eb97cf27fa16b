"""Time and memory of joining: planning at three sizes, and copying shards against decoding and encoding them.

    OMP_NUM_THREADS=1 python tests/benchmarks/join.py FOLDER

Cubes of one row of regions that overlap by two blocks; records as a finished run leaves them, and for the copies whole
shards of noise and patches. Planning reads records alone.
"""

import sys
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import zarr

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from memory import peak_mb
from regional_cubes import SUMMER, layout_of, publish_region

from pipeline.continent import shards
from pipeline.continent.join import join
from pipeline.continent.plan import squares
from pipeline.continent.regional import open_regionals
from pipeline.cube import versions
from pipeline.cube.create import add_period
from pipeline.cube.cube import Cube
from pipeline.cube.store import array
from pipeline.geometry.grid import Grid

GRID = Grid("EPSG:6933", 10, 256)


def publish_records(location: Path, window: tuple[int, int, int, int], seed: int) -> None:
    """A cube with the records of all its blocks and no pixels."""
    layout, cube = layout_of(window, GRID), Cube.create(location)
    base = versions.start_branch(cube, "run-made")
    session = cube.repository.writable_session("run-made")
    group = zarr.open_group(session.store)
    add_period(group, layout, SUMMER)
    shape = layout.extent.block_range.shape
    made = np.random.default_rng(seed).integers(1, 2**63, shape, np.uint64)
    for name in ("mosaic", "landcover", "aggregate"):
        array(group, f"blocks/{name}")[0] = made
    array(group, "blocks/state")[0] = array(group, "blocks/clear")[0] = 1
    array(group, "blocks/pixels")[0] = 7
    session.commit("made")
    versions.publish(cube, "run-made", base, versions.Origin(f"run-{seed}", "made", 1, 0))


def plan(folder: Path, side: int) -> None:
    """Plans a join of four regions of `side` x `side` blocks that overlap by two."""
    places = [(y, x) for y in (0, side - 2) for x in (0, side - 2)]
    for n, (y, x) in enumerate(places):
        publish_records(folder / f"{side}-{n}", (y * 256, x * 256, (y + side) * 256, (x + side) * 256), n)
    regionals = open_regionals([folder / f"{side}-{n}" for n in range(4)], folder / "continent")
    whole = (2 * side - 2) * 256
    layout = layout_of((0, 0, whole, whole), GRID)
    wall, cpu = time.perf_counter(), time.process_time()
    blocks = sum(int(square.due_YX.sum()) for square in squares(regionals, layout, None, "newest"))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        f"plan   {blocks:9,} blocks {wall:8.2f} s {cpu:8.2f} CPU s {cpu / blocks * 1e6:8.1f} us a block, "
        f"{peak_mb():6.0f} MB"
    )


def copy(folder: Path, blocks: int) -> None:
    """Copies whole shards as they are, and decoded; three times, one after the other."""
    publish_region(folder / "region", layout_of((0, 0, 256, 256 * blocks)))
    for attempt in range(3):
        for how in ("copied", "decoded"):
            alike = shards.encoding if how == "copied" else lambda node: object()
            cpu = time.process_time()
            with patch.object(shards, "encoding", alike):
                report = join(folder / f"{how}{attempt}", [folder / "region"], workers=1)
            print(
                f"{how:8} {report.copied:4} blocks, {report.bytes / 1e6:7.1f} MB: copy {report.seconds['copy']:6.2f} s,"
                f" aggregate {report.seconds['aggregate']:6.2f} s, whole join {time.process_time() - cpu:6.2f} CPU s"
            )


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for side in (35, 70, 135):
        plan(folder, side)
    copy(folder, 40)

"""A published cube of one block under all keys, as a finished run leaves it."""

import zlib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np

PERIOD = date(2024, 5, 1), date(2024, 8, 31)


def publish_repeated(
    folder: Path, block: int, corner: tuple[int, int], side: int, bands: Sequence[str], colour: str, arrays: Mapping
) -> None:
    """Side x side blocks from the block `corner` (row, column) of EPSG:3035 on, 10 m, with counts and levels.

    arrays: landcover (codes 10 to 60), and others of one block by name. colour: of a class, a template of its code.
    """
    from pipeline.analysis.aggregate import aggregate_blocks
    from pipeline.cube import store, versions
    from pipeline.cube.checked_store import session_group
    from pipeline.cube.create import add_period
    from pipeline.cube.cube import Cube
    from pipeline.cube.schema import MAPPED, Layout
    from pipeline.geometry.extent import Extent
    from pipeline.geometry.grid import Grid, Window

    y, x = corner
    window = Window(y * block, x * block, (y + side) * block, (x + side) * block)
    extent = Extent(Grid("EPSG:3035", 10, block), window)
    codes = range(10, 70, 10)
    classes = tuple({"code": code, "name": f"class {code}", "color": colour.format(code=code)} for code in codes)
    layout = Layout(extent, tuple(bands), classes)
    cube = Cube.create(folder)
    base = versions.start_branch(cube, "run-a")
    session = cube.repository.writable_session("run-a")
    group = session_group(session)
    add_period(group, layout, PERIOD)
    for place in extent.blocks():
        for name, values in arrays.items():
            store.write_block(group, name, 0, extent, place, values)
    store.array(group, "blocks/landcover")[0] = zlib.crc32(np.ascontiguousarray(arrays["landcover"]).tobytes())
    store.array(group, "blocks/state")[0] = MAPPED
    session.commit("map")
    aggregate_blocks(cube, "run-a", layout, 0, 2)
    versions.publish(cube, "run-a", base, versions.Origin("a", "bench", side**2, 0, {str(PERIOD[0]): "a"}))

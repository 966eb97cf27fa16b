"""The folder of a demonstration: its world, its region file, and the truth of its cube."""

from datetime import date
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr
import yaml
from rasterio.windows import Window

from catalogs.simulated import World, open_world, simulate, truths
from pipeline.config.region import Region
from pipeline.config.region_file import load
from pipeline.console.progress import progress_bar
from pipeline.demo.command_line import command_line
from pipeline.errors import UserError
from pipeline.geometry.grid import LONLAT, transformer

MODEL, CHANGE_MODEL = "simulated-s2", "simulated-s2-change"
KILOMETRES = 21.0
"""Side of the simulated world."""
MARGIN = 0.029
"""Share of the world's side that is left unmapped at each edge."""


def make_world(folder: Path, seed: int) -> World:
    """The world of a demonstration in `folder`, simulated if it is not there. Raises UserError where it is of another
    seed."""
    if (folder / "world" / "world.json").is_file():
        world = open_world(folder / "world")
        if world.seed != seed:
            raise UserError(f"{world.folder} holds the world of seed {world.seed}, not {seed}; name another folder")
        return world
    with progress_bar("simulate") as show:
        return simulate(
            folder / "world", seed, kilometres=KILOMETRES, progress=lambda done, total: show(done, total, "")
        )


def finished_world(folder: Path) -> World:
    """The world of the demonstration in `folder`. Raises UserError where there is none."""
    if not ((folder / "region.yaml").is_file() and (folder / "world" / "world.json").is_file()):
        raise UserError(f"{folder} holds no demonstration: make one with `{command_line()} demo {folder}`")
    return open_world(folder / "world")


def write_region(folder: Path, world: World, catalog: str, model: str = MODEL, block: int = 1024) -> Region:
    """Writes the region file that maps a whole world as region.yaml, and loads it."""
    days = [date.fromisoformat(overpass.day) for overpass in world.dates]
    content = {
        "name": "demo",
        "cube": "cube",
        "catalog": catalog,
        "allowed_paths": [str(world.folder.resolve())],
        "bbox": list(inner_bounds(world)),
        "period": [min(days).replace(day=1), max(days).replace(day=28)],
        "grid": {"crs": "europe", "resolution": 10, "block": block},
        "model": model,
        "change": {"model": CHANGE_MODEL, "audit": 0},
    }
    path = folder / "region.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return load(path)


def inner_bounds(world: World) -> tuple[float, float, float, float]:
    """(west, south, east, north), in degrees, of a region whose pixels all lie inside the world.

    The bounds in degrees of a square of the grid contain more than the square, hence the margin.
    """
    left, bottom, right, top = world.bounds
    margin = MARGIN * (right - left)
    to_lonlat = transformer("EPSG:3035", LONLAT)
    return to_lonlat.transform_bounds(left + margin, bottom + margin, right - margin, top - margin)


def read_truth(world: World, cube: xr.Dataset, day: str | None = None) -> np.ndarray:
    """The true class codes of the cube's pixels on a day, uint8 HW; without a day, before any change of the land."""
    with rasterio.open(world.truth) as source:
        row, col = source.index(float(cube.x[0]), float(cube.y[0]))
        window = Window(col, row, cube.sizes["x"], cube.sizes["y"])
        if day is None:
            return source.read(1, window=window)
    (whole_HW,) = truths(world, [day])
    return whole_HW[window.toslices()]

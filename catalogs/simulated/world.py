"""A simulated world on disk: a static STAC catalog of scenes, and the truth that they show."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from affine import Affine
from pyproj import Transformer
from rasterio.enums import Resampling

from catalogs.errors import CatalogError
from catalogs.simulated.classes import WORLDCOVER
from catalogs.simulated.cog import write_cog
from catalogs.simulated.items import item_id, write_index
from catalogs.simulated.landscape import CRS, TRUTH_METRES, Landscape, check_bounds, landscape, truth
from catalogs.simulated.noise import Bounds
from catalogs.simulated.observe import observe
from catalogs.simulated.overpass import DEFAULT_DATES, Overpass
from catalogs.simulated.scenes import conditions
from catalogs.simulated.tiles import Tile, envelope, lay_tiles
from catalogs.simulated.view import view

CENTRE_LONLAT = (12.0, 48.5)
WORKERS = 2

Progress = Callable[[int, int], None]


class WorldError(CatalogError):
    """A world that cannot be made, found or extended."""


@dataclass(frozen=True)
class World:
    """Folder, inputs and extent of a world; `bounds` in EPSG:3035."""

    folder: Path
    seed: int
    bounds: Bounds
    bounds_lonlat: Bounds
    dates: tuple[Overpass, ...]
    tiles: tuple[Tile, ...]

    @property
    def catalog(self) -> Path:
        return self.folder / "catalog.json"

    @property
    def items(self) -> Path:
        return self.folder / "items.ndjson"

    @property
    def truth(self) -> Path:
        return self.folder / "truth.tif"


def simulate(
    folder: str | Path,
    seed: int,
    bounds: Bounds | None = None,
    kilometres: float = 20,
    dates: Sequence[Overpass] = DEFAULT_DATES,
    progress: Progress | None = None,
) -> World:
    """Write a world below `folder`: catalog.json, the scenes, items.ndjson, truth.tif and world.json.

    Without `bounds` (EPSG:3035, multiples of 10 m) it is a square of `kilometres` about 12 E 48.5 N, across two UTM
    zones. `progress` is called with (scenes done, all scenes). Raises WorldError if `folder` holds a world already or
    `dates` repeats a scene, LandscapeError for bounds that do not fit.
    """
    folder = Path(folder)
    if (folder / "world.json").exists():
        raise WorldError(f"{folder} holds a world already: add dates to it with acquire, or name another folder.")
    bounds = check_bounds(bounds or _square_around(CENTRE_LONLAT, kilometres))
    tiles = lay_tiles(bounds)
    lonlat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform_bounds(*bounds)
    world = World(folder, seed, bounds, lonlat, (), tiles)
    land = landscape(seed, envelope(tiles))
    folder.mkdir(parents=True, exist_ok=True)
    _write_truth(world, land)
    _observe(world, land, dates, tiles, progress)
    return open_world(folder)


def acquire(folder: str | Path, dates: Sequence[Overpass], tiles: Sequence[str] | None = None) -> list[str]:
    """Add scenes of further dates to the world in `folder`, of all tiles or those named; returns the new item ids.

    Raises WorldError where there is no world, a tile is unknown or a scene exists already.
    """
    world = open_world(folder)
    names = [tile.name for tile in world.tiles]
    for name in tiles or ():
        if name not in names:
            raise WorldError(f"tile {name!r} is not in {world.folder}: choose from {', '.join(names)}.")
    chosen = tuple(tile for tile in world.tiles if tiles is None or tile.name in tiles)
    land = landscape(world.seed, envelope(world.tiles))
    return _observe(world, land, dates, chosen, None)


def open_world(folder: str | Path) -> World:
    """The world below `folder`, read from its world.json. Raises WorldError where there is none."""
    path = Path(folder) / "world.json"
    if not path.exists():
        raise WorldError(f"{folder} holds no world (no world.json): make one with simulate.")
    facts = json.loads(path.read_text())
    return World(
        folder=Path(folder),
        seed=facts["seed"],
        bounds=tuple(facts["bounds"]),
        bounds_lonlat=tuple(facts["bounds_lonlat"]),
        dates=tuple(Overpass(**{**date, "quadrants": tuple(date["quadrants"])}) for date in facts["dates"]),
        tiles=tuple(Tile(**{**tile, "bounds": tuple(tile["bounds"])}) for tile in facts["tiles"]),
    )


def _observe(
    world: World, land: Landscape, dates: Sequence[Overpass], tiles: Sequence[Tile], progress: Progress | None
) -> list[str]:
    existing = [json.loads(line)["id"] for line in world.items.read_text().splitlines()] if world.items.exists() else []
    scenes = [item_id(date, tile) for date in dates for tile in tiles if tile.quadrant in date.quadrants]
    for number, name in enumerate(scenes):
        if name in existing or name in scenes[:number]:
            raise WorldError(f"scene {name} exists already: give another day, platform or sequence.")
    views = [view(world.seed, land, tile) for tile in tiles]
    longitude, latitude = np.reshape(world.bounds_lonlat, (2, 2)).mean(axis=0)
    written: list[str | None] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for date in dates:
            seen = conditions(world.seed, land, date, longitude, latitude)
            observe_tile = partial(observe, world.folder, world.seed, conditions=seen, bounds=world.bounds)
            for item in pool.map(observe_tile, [each for each in views if each.tile.quadrant in date.quadrants]):
                written.append(item)
                if progress:
                    progress(len(written), len(scenes))
    if not existing and not any(written):
        raise WorldError("no date shows any tile: give dates, and swaths that meet the region.")
    write_index(world.folder)
    covered = {tile.quadrant for tile in tiles}
    added = [replace(date, quadrants=tuple(q for q in date.quadrants if q in covered)) for date in dates]
    _write_facts(replace(world, dates=(*world.dates, *added)))
    return [name for name in written if name]


def _write_facts(world: World) -> None:
    facts = {key: value for key, value in asdict(world).items() if key != "folder"}
    (world.folder / "world.json").write_text(json.dumps(facts, indent=2))


def _write_truth(world: World, land: Landscape) -> None:
    label_YX = truth(land)
    west, south, east, north = world.bounds
    top, left = int((land.bounds[3] - north) // TRUTH_METRES), int((west - land.bounds[0]) // TRUTH_METRES)
    height, width = int((north - south) // TRUTH_METRES), int((east - west) // TRUTH_METRES)
    label_YX = label_YX[top : top + height, left : left + width]
    transform = Affine(TRUTH_METRES, 0, west, 0, -TRUTH_METRES, north)
    colours = {item["code"]: (*bytes.fromhex(item["color"][1:]), 255) for item in WORLDCOVER}
    write_cog(world.truth, label_YX, CRS, transform, Resampling.nearest, colours)


def _square_around(lonlat: tuple[float, float], kilometres: float) -> Bounds:
    x, y = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(*lonlat)
    half = round(kilometres * 500 / TRUTH_METRES) * TRUTH_METRES
    x, y = round(x / TRUTH_METRES) * TRUTH_METRES, round(y / TRUTH_METRES) * TRUTH_METRES
    return float(x - half), float(y - half), float(x + half), float(y + half)

"""A simulated world on disk: a static STAC catalog of scenes, and the truth that they show."""

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.enums import Resampling

from catalogs.atomic import atomic_write
from catalogs.errors import CatalogError
from catalogs.simulated.classes import WORLDCOVER
from catalogs.simulated.cog import write_cog
from catalogs.simulated.history import Change, History, Span, draw_history, land_on
from catalogs.simulated.items import COLLECTION, item_id, write_index
from catalogs.simulated.landscape import CRS, TRUTH_METRES, Landscape, check_bounds, landscape, truth
from catalogs.simulated.noise import Bounds
from catalogs.simulated.observe import observe
from catalogs.simulated.overpass import DEFAULT_DATES, Overpass
from catalogs.simulated.scenes import Conditions, conditions
from catalogs.simulated.tiles import Tile, envelope, lay_tiles
from catalogs.simulated.view import view

CENTRE_LONLAT = (12.0, 48.5)
RESOLUTIONS = (2.5, 5, TRUTH_METRES)
WORKERS = 2

Progress = Callable[[int, int], None]


class WorldError(CatalogError):
    """A world that cannot be made, found or extended."""


@dataclass(frozen=True)
class World:
    """Folder, inputs and extent of a world; `bounds` in EPSG:3035. `truth` is that before any change of the history."""

    folder: Path
    seed: int
    bounds: Bounds
    bounds_lonlat: Bounds
    dates: tuple[Overpass, ...]
    tiles: tuple[Tile, ...]
    history: History | None = None

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
    history: History | Span | None = None,
) -> World:
    """Write a world below `folder`: catalog.json, the scenes, items.ndjson, truth.tif and world.json.

    Without `bounds` (EPSG:3035, multiples of 10 m) it is a square of `kilometres` about 12 E 48.5 N, across two UTM
    zones. `progress` is called with (scenes done, all scenes), first when none is. The scenes show the land as
    `history` has it on their day; a Span draws one by the seed. Raises WorldError if `folder` holds a world already or
    `dates` repeats a scene, LandscapeError for bounds that do not fit.
    """
    folder = Path(folder)
    if (folder / "world.json").exists():
        raise WorldError(f"{folder} holds a world already: add dates to it with acquire, or name another folder.")
    bounds = check_bounds(bounds or _square_around(CENTRE_LONLAT, kilometres))
    tiles = lay_tiles(bounds)
    if progress:
        progress(0, len(_scenes(dates, tiles)))
    lonlat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform_bounds(*bounds)
    land = landscape(seed, envelope(tiles))
    if isinstance(history, Span):
        history = draw_history(seed, land, bounds, history)
    world = World(folder, seed, bounds, lonlat, (), tiles, history)
    folder.mkdir(parents=True, exist_ok=True)
    _write_truth(world, land)
    _observe(world, land, dates, tiles, progress)
    return open_world(folder)


def acquire(
    folder: str | Path,
    dates: Sequence[Overpass],
    tiles: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Add scenes of further dates to the world in `folder`, of all tiles or those named; returns the new item ids.

    `progress` is that of `simulate`. Raises WorldError where there is no world, a tile is unknown or a scene exists
    already.
    """
    world = open_world(folder)
    names = [tile.name for tile in world.tiles]
    for name in tiles or ():
        if name not in names:
            raise WorldError(f"tile {name!r} is not in {world.folder}: choose from {', '.join(names)}.")
    chosen = tuple(tile for tile in world.tiles if tiles is None or tile.name in tiles)
    if progress:
        progress(0, len(_scenes(dates, chosen)))
    land = landscape(world.seed, envelope(world.tiles))
    return _observe(world, land, dates, chosen, progress)


def add_history(folder: str | Path, history: History | Span, bounds: Bounds | None = None) -> World:
    """Let the land of the world in `folder` change after its last scene; a Span draws a history by the seed of the
    world within `bounds` (EPSG:3035; default: its own).

    Raises WorldError where there is no world, it has a history already, or a scene of it is not before all changes.
    """
    world = open_world(folder)
    if world.history is not None:
        raise WorldError(f"the world in {folder} has a history already: name a world that has none.")
    if isinstance(history, Span):
        land = landscape(world.seed, envelope(world.tiles))
        history = draw_history(world.seed, land, bounds or world.bounds, history)
    first = min((change.day for change in history.changes), default=None)
    if first and (late := max(overpass.day for overpass in world.dates)) >= first:
        raise WorldError(f"the scenes of {late} do not show the change of {first}: let the land change later.")
    world = replace(world, history=history)
    _write_facts(world)
    return world


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
        dates=tuple(Overpass(**{**each, "quadrants": tuple(each["quadrants"])}) for each in facts["dates"]),
        tiles=tuple(Tile(**{**tile, "bounds": tuple(tile["bounds"])}) for tile in facts["tiles"]),
        history=_history(facts["history"]) if "history" in facts else None,
    )


def truths(world: World, days: Sequence[str], resolution: float = TRUTH_METRES) -> Iterator[NDArray[np.uint8]]:
    """The classes (WorldCover codes, over the bounds of the world) on each of `days`: floods change none.

    resolution: metres a pixel, one of RESOLUTIONS; each has the class that covers most of it. Else WorldError.
    """
    if resolution not in RESOLUTIONS:
        raise WorldError(
            f"the truth of a world has pixels of {', '.join(map(str, RESOLUTIONS))} m, not of {resolution} m."
        )
    land = landscape(world.seed, envelope(world.tiles))
    for day in days:
        today = land_on(world.seed, land, world.history, date.fromisoformat(day), floods=False)
        yield _truth_within(world, today, resolution)


def _observe(
    world: World, land: Landscape, dates: Sequence[Overpass], tiles: Sequence[Tile], progress: Progress | None
) -> list[str]:
    existing = {path.stem for path in (world.folder / COLLECTION).glob("*/*.json")}
    scenes = _scenes(dates, tiles)
    for number, name in enumerate(scenes):
        if name in existing or name in scenes[:number]:
            raise WorldError(f"scene {name} exists already: give another day, platform or sequence.")
    written: list[str | None] = []
    shown: NDArray[np.uint16] | None = None
    with ThreadPoolExecutor(WORKERS) as pool:
        for overpass, today, seen in _one_ahead(pool, world, land, dates):
            if shown is not today.patch_YX and (shown is None or not np.array_equal(shown, today.patch_YX)):
                shown, views = today.patch_YX, list(pool.map(partial(view, world.seed, today), tiles))
            observe_tile = partial(observe, world.folder, world.seed, conditions=seen, bounds=world.bounds)
            for item in pool.map(observe_tile, [each for each in views if each.tile.quadrant in overpass.quadrants]):
                written.append(item)
                if progress:
                    progress(len(written), len(scenes))
    if not existing and not any(written):
        raise WorldError("no date shows any tile: give dates, and swaths that meet the region.")
    write_index(world.folder)
    covered = {tile.quadrant for tile in tiles}
    added = [replace(each, quadrants=tuple(q for q in each.quadrants if q in covered)) for each in dates]
    _write_facts(replace(world, dates=(*world.dates, *added)))
    return [name for name in written if name]


def _scenes(dates: Sequence[Overpass], tiles: Sequence[Tile]) -> list[str]:
    """Ids of the scenes, also of those that the swath misses."""
    return [item_id(each, tile) for each in dates for tile in tiles if tile.quadrant in each.quadrants]


def _one_ahead(
    pool: Executor, world: World, land: Landscape, dates: Sequence[Overpass]
) -> Iterator[tuple[Overpass, Landscape, Conditions]]:
    """The passes, with the land of the day and what they meet there, which is made while the pass before is seen."""
    longitude, latitude = np.reshape(world.bounds_lonlat, (2, 2)).mean(axis=0)
    waiting: deque[tuple[Overpass, Landscape, Future[Conditions]]] = deque()
    for overpass in dates:
        today = land_on(world.seed, land, world.history, overpass.start.date())
        waiting.append((overpass, today, pool.submit(conditions, world.seed, today, overpass, longitude, latitude)))
        if len(waiting) > 1:
            before, its_land, met = waiting.popleft()
            yield before, its_land, met.result()
    for last, its_land, met in waiting:
        yield last, its_land, met.result()


def _write_facts(world: World) -> None:
    facts = {key: value for key, value in asdict(world).items() if key != "folder" and value is not None}
    for overpass in facts["dates"]:
        if overpass["processed_on"] is None:
            del overpass["processed_on"]
    with atomic_write(world.folder / "world.json") as draft:
        draft.write_text(json.dumps(facts, indent=2))


def _write_truth(world: World, land: Landscape) -> None:
    label_YX = _truth_within(world, land)
    transform = Affine(TRUTH_METRES, 0, world.bounds[0], 0, -TRUTH_METRES, world.bounds[3])
    colours = {item["code"]: (*bytes.fromhex(item["color"][1:]), 255) for item in WORLDCOVER}
    write_cog(world.truth, label_YX, CRS, transform, Resampling.nearest, colours)


def _truth_within(world: World, land: Landscape, resolution: float = TRUTH_METRES) -> NDArray[np.uint8]:
    """The label map of the landscape within the bounds of the world."""
    west, south, east, north = world.bounds
    top, left = int((land.bounds[3] - north) // resolution), int((west - land.bounds[0]) // resolution)
    height, width = int((north - south) // resolution), int((east - west) // resolution)
    return truth(land, resolution)[top : top + height, left : left + width]


def _history(facts: dict[str, Any]) -> History:
    return History(facts["since"], tuple(Change(**change) for change in facts["changes"]))


def _square_around(lonlat: tuple[float, float], kilometres: float) -> Bounds:
    x, y = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(*lonlat)
    half = round(kilometres * 500 / TRUTH_METRES) * TRUTH_METRES
    x, y = round(x / TRUTH_METRES) * TRUTH_METRES, round(y / TRUTH_METRES) * TRUTH_METRES
    return float(x - half), float(y - half), float(x + half), float(y + half)

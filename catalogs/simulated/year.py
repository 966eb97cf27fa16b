"""A catalog that grows: what it lists on an evening, with scenes withdrawn and processed again, and outages."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from catalogs.simulated.history import Span
from catalogs.simulated.items import COLLECTION, write_index
from catalogs.simulated.noise import stream
from catalogs.simulated.overpass import Overpass
from catalogs.simulated.world import World, WorldError, open_world, simulate

BASELINES = "05.10", "05.11"
WITHDRAWN_AFTER, REPROCESSED_AFTER = 2, 3
"""Passes after which a scene is taken out of the catalog, and another is processed again."""


@dataclass(frozen=True)
class Evening:
    """A day, the ids of scenes that the catalog has withdrawn by then, and whether it cannot be reached."""

    day: str
    withdrawn: tuple[str, ...] = ()
    outage: bool = False


def simulate_year(
    folder: str | Path,
    seed: int,
    kilometres: float = 4,
    first: str = "2025-01-08",
    passes: int = 24,
    every: int = 15,
    per_km2: float = 0.5,
    floods: int = 2,
) -> tuple[World, tuple[Evening, ...]]:
    """A world of `passes` dates, one in `every` days from `first` on, whose land changes between first and last.

    The catalog of the world lists all of it; `catalog_on` shows it as it was on one of the evenings, which follow the
    passes. From a third of the year on a scene is withdrawn, after half of it one is there a second time, of a newer
    baseline, and after two thirds the catalog fails for one evening.
    """
    if passes < 2:
        raise WorldError(f"a year of {passes} passes shows no change: give 2 or more.")
    days = [date.fromisoformat(first) + timedelta(days=every * number) for number in range(passes)]
    rng = stream(seed, "year")
    overpasses = [
        Overpass(
            day.isoformat(),
            "sentinel-2b" if number % 2 else "sentinel-2a",
            BASELINES[0],
            cloudiness=round(float(rng.beta(0.8, 1.8)), 3),
            swath_edge=round(float(rng.uniform(0.3, 0.8)), 3) if number % 6 == 5 else None,
        )
        for number, day in enumerate(days)
    ]
    old = overpasses[passes // 2]
    last = passes - 1
    again = min(passes // 2 + REPROCESSED_AFTER, last)
    newer = Overpass(
        old.day, old.platform, BASELINES[1], old.cloudiness, old.swath_edge, 1, ("SW",), days[again].isoformat()
    )
    span = Span(days[0].isoformat(), days[last].isoformat(), per_km2, floods)
    world = simulate(folder, seed, kilometres=kilometres, dates=[*overpasses, newer], history=span)
    gone = next(name for name in scenes(world) if overpasses[passes // 3].day.replace("-", "") in name)
    since = min(passes // 3 + WITHDRAWN_AFTER, last)
    return world, tuple(
        Evening(day.isoformat(), (gone,) if number >= since else (), number == 2 * passes // 3)
        for number, day in enumerate(days)
    )


def scenes(world: World) -> list[str]:
    """Ids of all scenes of the world, whatever its catalog lists."""
    return sorted(path.stem for path in (world.folder / COLLECTION).glob("*/*.json"))


def publish(folder: str | Path, day: str | None = None, withdrawn: Sequence[str] = ()) -> list[str]:
    """Make the catalog and items.ndjson list the scenes published up to the end of `day` (without one, all), save the
    withdrawn; returns their ids. Raises WorldError for a withdrawn scene that is not of the world.

    A server that runs goes on with what it has read.
    """
    world = open_world(folder)
    names = scenes(world)
    for name in withdrawn:
        if name not in names:
            raise WorldError(f"scene {name} is not in {world.folder}: withdraw one of {', '.join(names[:3])}, ...")
    listed = [
        name for name in names if name not in withdrawn and (day is None or _published(world, name)[: len(day)] <= day)
    ]
    write_index(world.folder, listed)
    return listed


@contextmanager
def catalog_on(folder: str | Path, evening: Evening) -> Iterator[list[str]]:
    """The catalog of the world as on an evening; yields the ids of its scenes. During an outage its files are away."""
    world = open_world(folder)
    listed = publish(folder, evening.day, evening.withdrawn)
    if not evening.outage:
        yield listed
        return
    away = [(path, path.with_suffix(".away")) for path in (world.catalog, world.items)]
    for path, other in away:
        path.rename(other)
    try:
        yield []
    finally:
        for path, other in away:
            other.rename(path)


def _published(world: World, name: str) -> str:
    item = json.loads((world.folder / COLLECTION / name / f"{name}.json").read_text())
    return str(item["properties"]["created"])

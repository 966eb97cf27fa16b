"""What happens after the first act: land changes in the south-western corner of the world, and scenes of it arrive."""

from dataclasses import replace

from catalogs.simulated import Overpass, Span, World, acquire, add_history, publish
from catalogs.simulated.items import item_id
from catalogs.simulated.world import Progress
from catalogs.simulated.year import scenes

SPAN = Span("2024-08-14", "2024-08-15", per_km2=2, floods=0)
"""After the last scene of the first act, before the first of the second."""
CHANGED_PART = 0.27, 0.15
"""Shares of the world's width and height, from its south-western corner, within which land changes."""
CLOUDINESS = {16: 0.03, 18: 0.06, 20: 0.02, 22: 0.1, 24: 0.04, 26: 0.05, 28: 0.02}
PASSES = tuple(
    Overpass(
        f"2024-08-{day}",
        "sentinel-2a" if day % 4 else "sentinel-2b",
        "05.11",
        cloudiness=cloudiness,
        quadrants=("SW",),
    )
    for day, cloudiness in CLOUDINESS.items()
)
"""More than a pixel's clear observations before them, so that the median shows the land as it is now."""
LAST_DAY = PASSES[-1].day


def arrive(world: World, progress: Progress | None = None) -> tuple[World, list[str]]:
    """The world after its land has changed, and the ids of the scenes that are new in its catalog by this call.

    What an interrupted call has done stays, and the same call does the rest.
    """
    if world.history is None:
        west, south, east, north = world.bounds
        wide, tall = CHANGED_PART
        part = west, south, west + wide * (east - west), south + tall * (north - south)
        world = add_history(world.folder, SPAN, part)
    missing = _missing(world)
    new = acquire(world.folder, missing, progress=progress) if missing else []
    publish(world.folder)
    return world, new


def _missing(world: World) -> list[Overpass]:
    """The passes as far as their scenes are not there."""
    there = set(scenes(world))
    lacking = [
        replace(
            each,
            quadrants=tuple(
                tile.quadrant
                for tile in world.tiles
                if tile.quadrant in each.quadrants and item_id(each, tile) not in there
            ),
        )
        for each in PASSES
    ]
    return [each for each in lacking if each.quadrants]

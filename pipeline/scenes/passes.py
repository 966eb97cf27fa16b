"""Scenes of one overpass."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from catalogs import Scene
from catalogs.select import processing_order


@dataclass(frozen=True)
class Pass:
    """The tiles of one pass in the order in which they count, and when the pass began."""

    start: datetime
    scenes: tuple[Scene, ...]


def group_passes(scenes: Sequence[Scene], among: Sequence[Scene] = ()) -> list[Pass]:
    """The passes that scenes are tiles of, in the order of their first tile `among` all.

    In a pass tile by tile, and of a tile's processings the newest first.
    """
    starts: dict[str, datetime] = {}
    for scene in among or scenes:
        key = pass_key(scene)
        starts[key] = min(starts.get(key, scene.datetime), scene.datetime)
    tiles: dict[str, list[Scene]] = {}
    for scene in sorted(scenes, key=processing_order, reverse=True):
        tiles.setdefault(pass_key(scene), []).append(scene)
    passes = [
        Pass(starts[key], tuple(sorted(found, key=lambda scene: scene.acquisition))) for key, found in tiles.items()
    ]
    return sorted(passes, key=lambda found: (found.start, found.scenes[0].acquisition))


def pass_key(scene: Scene) -> str:
    """The key of the pass that a scene is a tile of."""
    return scene.acquisition.rpartition("/")[0]

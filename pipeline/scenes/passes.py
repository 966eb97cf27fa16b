"""Scenes grouped by overpass."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from catalogs import Scene
from catalogs.select import processing_order


@dataclass(frozen=True)
class Pass:
    """The scenes of one overpass in order of precedence, and the time of its first scene."""

    start: datetime
    scenes: tuple[Scene, ...]


def group_passes(scenes: Sequence[Scene], selection: Sequence[Scene] = ()) -> list[Pass]:
    """Groups scenes by overpass. Passes are ordered by start; scenes by acquisition, the newest processing first.

    `selection`: all scenes of the run (default: `scenes`), whose earliest time is the start of a pass. A pass then has
    the same start and the same rank in every block.
    """
    starts: dict[str, datetime] = {}
    for scene in selection or scenes:
        key = pass_key(scene)
        starts[key] = min(starts.get(key, scene.datetime), scene.datetime)
    groups: dict[str, list[Scene]] = {}
    for scene in sorted(scenes, key=processing_order, reverse=True):
        groups.setdefault(pass_key(scene), []).append(scene)
    passes = [
        Pass(starts[key], tuple(sorted(group, key=lambda scene: scene.acquisition))) for key, group in groups.items()
    ]
    return sorted(passes, key=lambda group: (group.start, group.scenes[0].acquisition))


def pass_key(scene: Scene) -> str:
    """The key of a scene's overpass: its acquisition key without the tile."""
    return scene.acquisition.rpartition("/")[0]

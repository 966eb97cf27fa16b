"""What has happened to the scenes of a region since it was mapped last."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from catalogs import Scene
from pipeline.storage.files import Files
from pipeline.storage.json_file import read_json


@dataclass(frozen=True)
class SceneNews:
    """Ids of scenes. new: of acquisitions that were not used before. reprocessed: of acquisitions that were used in
    another processing. withdrawn: items that the catalog does not give any more; the map goes on to use them."""

    new: list[str]
    reprocessed: list[str]
    withdrawn: list[str]


class UsedScene(BaseModel):
    """A scene that a run used, as its applied.json has it; the rest of its keys is not read."""

    id: str
    acquisition: str
    baseline: str


class _Applied(BaseModel):
    used: list[UsedScene]


def read_used(files: Files, name: str) -> list[UsedScene]:
    """The scenes in the file of `write_provenance`; none where there is no file. Raises what `read_json` raises."""
    return read_json(files, name, _Applied, "all scenes count as new").used if files.exists(name) else []


def scene_news(scenes: Sequence[Scene], used: Iterable[UsedScene], withdrawn: Sequence[str]) -> SceneNews:
    """Compares scenes with those used before, by acquisition, then by item and baseline."""
    before: dict[str, set[tuple[str, str]]] = {}
    for scene in used:
        before.setdefault(scene.acquisition, set()).add((scene.id, scene.baseline))
    new = [scene.id for scene in scenes if scene.acquisition not in before]
    changed = [
        scene.id
        for scene in scenes
        if scene.acquisition in before and (scene.id, scene.baseline) not in before[scene.acquisition]
    ]
    return SceneNews(new, changed, list(withdrawn))

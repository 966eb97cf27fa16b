"""Which scenes a region uses, and with which offsets."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import catalogs
from catalogs import Scene
from catalogs.access import ANYWHERE, Access
from catalogs.scene import resolve_offset
from catalogs.select import Selection
from pipeline.config.region import Region
from pipeline.scenes.offsets import OffsetDecision, decide_offsets
from pipeline.scenes.search import Count, list_name
from pipeline.storage import files
from pipeline.storage.location import Place


def choose_scenes(
    region: Region, listed: list[dict[str, Any]], bands: tuple[str, ...], decisions: Mapping[str, OffsetDecision]
) -> Selection:
    """The scenes of a region among the items listed, and by id why each other item is left out.

    A scene in doubt gets the offset of the decision for its digest; where there is none it keeps its doubt. One whose
    pixels could not decide hides no older processing.
    """
    undecided: dict[str, str] = {}
    while True:
        selection = catalogs.choose(
            [item for item in listed if item.get("id") not in undecided],
            bands,
            mask=region.mask.choice if region.mask else None,
            area=region.searched,
            months=region.months,
            max_cloud=region.max_cloud,
            min_clear_share=region.min_clear_share,
        )
        known = {scene.id: decisions.get(scene.digest) for scene in selection.scenes}
        more = {name: found.why for name, found in known.items() if found is not None and found.offset is None}
        if not more:
            kept = [_settled(scene, known[scene.id]) for scene in selection.scenes]
            return Selection(kept, {**selection.exclusions, **undecided})
        undecided |= more


def _settled(scene: Scene, decision: OffsetDecision | None) -> Scene:
    return scene if decision is None or decision.offset is None else resolve_offset(scene, decision.offset)


def resolve_offsets(
    region: Region, listed: list[dict[str, Any]], bands: tuple[str, ...], done: Count | None = None
) -> tuple[Selection, dict[str, OffsetDecision]]:
    """The scenes of a region as `choose` has them, and what the pixels of doubtful ones decide, by digest.

    Decisions are kept beside the scene list, to be made once. `done` is told how many scenes are looked at. A scene
    that cannot be read now is asked again by the next plan.
    """
    name = f"{list_name(region)}.offsets.json"
    known = read_decisions(region.cube, name) if files.exists(region.cube, name) else {}
    asked: set[str] = set()
    while True:
        selection = choose_scenes(region, listed, bands, known)
        doubtful = [scene for scene in selection.scenes if scene.doubt is not None and scene.digest not in asked]
        if not doubtful:
            return selection, known
        asked |= {scene.digest for scene in doubtful}
        known |= decide_offsets(doubtful, region.access, done)
        write_decisions(region.cube, name, known)


def resolve_or_drop(scenes: Sequence[Scene], access: Access = ANYWHERE) -> list[Scene]:
    """The scenes with their doubts settled; those whose pixels cannot decide, or cannot be read, are left out."""
    decisions = decide_offsets([scene for scene in scenes if scene.doubt is not None], access)
    settled_or_not = [_settled(scene, decisions.get(scene.digest)) for scene in scenes]
    return [scene for scene in settled_or_not if scene.doubt is None]


def read_decisions(cube: Place, name: str) -> dict[str, OffsetDecision]:
    return {of: OffsetDecision(**decision) for of, decision in json.loads(files.read(cube, name)).items()}


def write_decisions(cube: Place, name: str, decisions: Mapping[str, OffsetDecision]) -> None:
    files.write(cube, name, json.dumps({of: asdict(decisions[of]) for of in sorted(decisions)}, indent=1) + "\n")

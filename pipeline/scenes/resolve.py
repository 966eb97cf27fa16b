"""Resolve doubts about the reflectance offsets of scenes from their pixels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from catalogs import Scene
from catalogs.access import ANYWHERE, Access
from catalogs.select import Selection
from pipeline.config.region import Region
from pipeline.scenes.choose import apply_decision, choose_scenes
from pipeline.scenes.decisions import OffsetDecision, read_decisions, write_decisions
from pipeline.scenes.item_list import list_name
from pipeline.scenes.offsets import decide_offsets
from pipeline.scenes.search import catalog_query
from pipeline.storage.files import Files


def resolve_offsets(
    region: Region,
    files: Files,
    items: list[dict[str, Any]],
    bands: tuple[str, ...],
    progress: Callable[[int], None] | None = None,
    signatures: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Selection, dict[str, OffsetDecision]]:
    """The selection of `choose_scenes` with doubtful offsets decided, and the decisions by scene digest.

    Decisions are written beside the item list and reused. A scene that cannot be read keeps its doubt, and the next
    call tries it again. `progress` is called with the number of scenes read; `signatures` as in `Access`.
    """
    name = f"{list_name(catalog_query(region))}.offsets.json"
    decisions = read_decisions(files, name) if files.exists(name) else {}
    access = replace(region.access, signatures=signatures)
    digests_read: set[str] = set()
    while True:
        selection = choose_scenes(region, items, bands, decisions)
        doubtful = [scene for scene in selection.scenes if scene.doubt is not None and scene.digest not in digests_read]
        if not doubtful:
            return selection, decisions
        digests_read |= {scene.digest for scene in doubtful}
        decisions |= decide_offsets(doubtful, access, progress)
        write_decisions(files, name, decisions)


def resolve_or_drop(scenes: Sequence[Scene], access: Access = ANYWHERE) -> list[Scene]:
    """The scenes with doubtful offsets decided, without those whose offset cannot be decided or that cannot be read."""
    decisions = decide_offsets([scene for scene in scenes if scene.doubt is not None], access)
    resolved = [apply_decision(scene, decisions.get(scene.digest)) for scene in scenes]
    return [scene for scene in resolved if scene.doubt is None]

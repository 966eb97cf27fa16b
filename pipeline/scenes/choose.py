"""Select the scenes of a region from its items."""

from collections.abc import Mapping
from typing import Any

import catalogs
from catalogs import Scene
from catalogs.scene import resolve_offset
from catalogs.select import Selection
from pipeline.config.region import Region
from pipeline.geometry.footprint import can_show
from pipeline.scenes.decisions import OffsetDecision


def choose_scenes(
    region: Region, items: list[dict[str, Any]], bands: tuple[str, ...], decisions: Mapping[str, OffsetDecision]
) -> Selection:
    """The scenes of a region, with `decisions` (by scene digest) applied, and why each other item is excluded.

    A doubtful scene without a decision keeps its doubt. A scene that its decision leaves without an offset, or whose
    footprint the grid cannot show, is excluded before the selection, so that an older processing of it can take its
    place.
    """
    unusable: dict[str, str] = {}
    while True:
        selection = catalogs.select_from_items(
            [item for item in items if item.get("id") not in unusable],
            bands,
            mask=region.mask.choice if region.mask else None,
            provider=region.row,
            area=region.searched,
            months=region.months,
            max_cloud=region.max_cloud,
            min_clear_share=region.min_clear_share,
        )
        by_id = {scene.id: decisions.get(scene.digest) for scene in selection.scenes}
        more = {name: decision.why for name, decision in by_id.items() if decision and decision.offset is None}
        crs = region.grid.crs
        more |= {
            scene.id: f"its footprint cannot be shown in {crs}; choose a grid.crs made for its place"
            for scene in selection.scenes
            if not can_show(crs, scene.footprint)
        }
        if not more:
            scenes = [apply_decision(scene, by_id[scene.id]) for scene in selection.scenes]
            return Selection(scenes, {**selection.exclusions, **unusable})
        unusable |= more


def apply_decision(scene: Scene, decision: OffsetDecision | None) -> Scene:
    """The scene with the offset that was decided; unchanged if there is none."""
    return scene if decision is None or decision.offset is None else resolve_offset(scene, decision.offset)

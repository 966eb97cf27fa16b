"""The scenes of a region: found once and kept, chosen from the list, their doubts settled."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import catalogs
from catalogs import Query, Scene, scenelist
from catalogs.access import ANYWHERE, Access
from catalogs.scene import settled
from catalogs.select import Selection
from catalogs.sources import pages
from pipeline.config import Region, digest
from pipeline.errors import UserError
from pipeline.offsets import Decision, decide

Count = Callable[[int], None]


def items(region: Region, refresh: bool = False, found: Count | None = None) -> list[dict[str, Any]]:
    """The items of a region from its durable list, which a search makes if it is not there or grows if `refresh`.

    The search goes page by page into the cube's folder and resumes there. `found` is told how many there are so far.
    Raises CatalogError, and UserError where there are none.
    """
    path = scene_list(region)
    if refresh or not path.is_file():
        folder = path.with_suffix(".pages")
        result = catalogs.find(query(region), folder, found)
        held = scenelist.merge(scenelist.read(path), result.items) if path.is_file() else result.items
        if not held:
            raise UserError(
                f"no scenes of {region.collection!r} in {region.catalog} for this area from {region.period[0]} to "
                f"{region.period[1]}; check the collection, or widen the area or the period"
            )
        scenelist.write(path, held)
        path.with_suffix(".refused.json").write_text(json.dumps(result.refused, indent=1) + "\n")
        pages.drop(folder)
    return scenelist.read(path)


def refused(region: Region) -> dict[str, str]:
    """What the last search found and could not use at all, by id, and why."""
    path = scene_list(region).with_suffix(".refused.json")
    return json.loads(path.read_text()) if path.is_file() else {}


def choose(
    region: Region, listed: list[dict[str, Any]], bands: tuple[str, ...], decisions: Mapping[str, Decision]
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
            min_contribution=region.min_contribution,
        )
        known = {scene.id: decisions.get(scene.digest) for scene in selection.kept}
        more = {name: found.why for name, found in known.items() if found is not None and found.offset is None}
        if not more:
            kept = [_settled(scene, known[scene.id]) for scene in selection.kept]
            return Selection(kept, {**selection.left, **undecided})
        undecided |= more


def _settled(scene: Scene, decision: Decision | None) -> Scene:
    return scene if decision is None or decision.offset is None else settled(scene, decision.offset)


def settle(
    region: Region, listed: list[dict[str, Any]], bands: tuple[str, ...], done: Count | None = None
) -> dict[str, Decision]:
    """What the pixels of doubtful scenes decide, by digest; kept beside the scene list, to be decided once.

    `done` is told how many are looked at. A scene that cannot be read now is asked again by the next plan.
    """
    path = scene_list(region).with_suffix(".offsets.json")
    known = read_decisions(path) if path.is_file() else {}
    asked: set[str] = set()
    while doubtful := [
        scene
        for scene in choose(region, listed, bands, known).kept
        if scene.doubt is not None and scene.digest not in asked
    ]:
        asked |= {scene.digest for scene in doubtful}
        known |= decide(doubtful, region.access, done)
        write_decisions(path, known)
    return known


def certain(scenes: Sequence[Scene], access: Access = ANYWHERE) -> list[Scene]:
    """The scenes with their doubts settled; those whose pixels cannot decide, or cannot be read, are left out."""
    decisions = decide([scene for scene in scenes if scene.doubt is not None], access)
    settled_or_not = [_settled(scene, decisions.get(scene.digest)) for scene in scenes]
    return [scene for scene in settled_or_not if scene.doubt is None]


def read_decisions(path: Path) -> dict[str, Decision]:
    return {name: Decision(**decision) for name, decision in json.loads(path.read_text()).items()}


def write_decisions(path: Path, decisions: Mapping[str, Decision]) -> None:
    draft = path.with_suffix(".partial")
    draft.write_text(json.dumps({name: asdict(decisions[name]) for name in sorted(decisions)}, indent=1) + "\n")
    draft.replace(path)


def write_applied(path: Path, selection: Selection, decisions: Mapping[str, Decision]) -> None:
    """What was applied to each scene of a run, and why each other item was left out: for people to look up."""
    used = [
        {
            "id": scene.id,
            "provider": scene.provider,
            "acquisition": scene.acquisition,
            "datetime": scene.datetime.isoformat(),
            "baseline": scene.baseline,
            "bands": {asset.role: {"scale": asset.scale, "offset": asset.offset} for asset in scene.bands},
            "mask": asdict(scene.rule),
        }
        for scene in selection.kept
    ]
    warnings = sorted(decision.why for decision in decisions.values())
    path.write_text(json.dumps({"used": used, "warnings": warnings, "left_out": selection.left}, indent=1) + "\n")


def query(region: Region) -> Query:
    """What is asked of the catalog: scenes of any cloud, since a newer processing may be the cloudier one."""
    start, end = region.period
    return Query(
        catalog=region.catalog,
        collection=region.collection,
        area=region.searched,
        start=datetime.combine(start, time.min, UTC),
        end=datetime.combine(end, time.max, UTC),
        months=region.months,
    )


def scene_list(region: Region) -> Path:
    """The durable list of a query, in the cube's folder."""
    asked = region.model_dump(include={"catalog", "collection", "period", "months"}, mode="json")
    return region.cube / "scenes" / f"{digest([asked, region.searched.wkt])[:16]}.parquet"

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
                f"{region.period[1]}; check the collection, or widen the area, the period or max_cloud"
            )
        scenelist.write(path, held)
        pages.drop(folder)
    return scenelist.read(path)


def choose(
    region: Region, listed: list[dict[str, Any]], bands: tuple[str, ...], decisions: Mapping[str, Decision]
) -> Selection:
    """The scenes of a region among the items listed, and by id why each other item is left out.

    A scene in doubt gets the offset of the decision for its digest; where there is none it keeps its doubt.
    """
    selection = catalogs.choose(
        listed,
        bands,
        mask=region.mask.choice if region.mask else None,
        area=region.area,
        months=region.months,
        max_cloud=region.max_cloud,
        min_contribution=region.min_contribution,
    )
    kept, left = [], dict(selection.left)
    for scene in selection.kept:
        decision = decisions.get(scene.digest)
        if decision is None:
            kept.append(scene)
        elif decision.offset is None:
            left[scene.id] = decision.why
        else:
            kept.append(settled(scene, decision.offset))
    return Selection(kept, left)


def settle(
    region: Region, listed: list[dict[str, Any]], bands: tuple[str, ...], done: Count | None = None
) -> dict[str, Decision]:
    """What the pixels of doubtful scenes decide, by digest; kept beside the scene list, to be decided once.

    `done` is told how many are decided. Raises RunError where pixels cannot be read now.
    """
    path = scene_list(region).with_suffix(".offsets.json")
    known = read_decisions(path) if path.is_file() else {}
    doubtful = [scene for scene in choose(region, listed, bands, known).kept if scene.doubt is not None]
    if doubtful:
        known |= decide(doubtful, region.access, done)
        write_decisions(path, known)
    return known


def certain(scenes: Sequence[Scene], access: Access = ANYWHERE) -> list[Scene]:
    """The scenes without doubts: those whose pixels cannot decide their offset are left out. Raises RunError."""
    decisions = decide([scene for scene in scenes if scene.doubt is not None], access)
    kept = []
    for scene in scenes:
        offset = decisions[scene.digest].offset if scene.doubt is not None else None
        if scene.doubt is None or offset is not None:
            kept.append(scene if offset is None else settled(scene, offset))
    return kept


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
        area=region.area,
        start=datetime.combine(start, time.min, UTC),
        end=datetime.combine(end, time.max, UTC),
        months=region.months,
    )


def scene_list(region: Region) -> Path:
    """The durable list of a query, in the cube's folder."""
    asked = {"catalog", "collection", "bounds", "polygon", "period", "months"}
    return region.cube / "scenes" / f"{digest(region.model_dump(include=asked, mode='json'))[:16]}.parquet"

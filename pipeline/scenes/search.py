"""The scenes of a region: found once and kept, chosen from the list, their doubts settled."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, time
from typing import Any

import catalogs
from catalogs import Query, Scene, scenelist
from catalogs.access import ANYWHERE, Access
from catalogs.scene import settled
from catalogs.select import Selection
from catalogs.sources import page_store
from pipeline.storage import files
from pipeline.config.region import Region, digest
from pipeline.errors import UserError
from pipeline.scenes.offsets import Decision, decide
from pipeline.storage.location import Place

Count = Callable[[int], None]


def items(region: Region, refresh: bool = False, found: Count | None = None) -> list[dict[str, Any]]:
    """The items of a region from its durable list, which a search makes if it is not there or grows if `refresh`.

    The search goes page by page into the cube's folder (or a cache, where that is object storage) and resumes there.
    `found` is told how many there are so far. Raises CatalogError, UserError where there are none, and RunError.
    """
    cube, name = region.cube, f"{listed_as(region)}.parquet"
    known = files.exists(cube, name)
    if refresh or not known:
        folder = files.scratch(cube, f"{listed_as(region)}.pages")
        result = catalogs.find(query(region), folder, found)
        held = scenelist.merge(read_list(cube, name), result.items) if known else result.items
        if not held:
            raise UserError(
                f"no scenes of {region.collection!r} in {region.catalog} for this area from {region.period[0]} to "
                f"{region.period[1]}; check the collection, or widen the area or the period"
            )
        write_list(cube, name, held)
        files.write(cube, f"{listed_as(region)}.refused.json", json.dumps(result.refused, indent=1) + "\n")
        page_store.drop(folder)
    return read_list(cube, name)


def refused(region: Region) -> dict[str, str]:
    """What the last search found and could not use at all, by id, and why."""
    name = f"{listed_as(region)}.refused.json"
    return json.loads(files.read(region.cube, name)) if files.exists(region.cube, name) else {}


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
) -> tuple[Selection, dict[str, Decision]]:
    """The scenes of a region as `choose` has them, and what the pixels of doubtful ones decide, by digest.

    Decisions are kept beside the scene list, to be made once. `done` is told how many scenes are looked at. A scene
    that cannot be read now is asked again by the next plan.
    """
    name = f"{listed_as(region)}.offsets.json"
    known = read_decisions(region.cube, name) if files.exists(region.cube, name) else {}
    asked: set[str] = set()
    while True:
        selection = choose(region, listed, bands, known)
        doubtful = [scene for scene in selection.kept if scene.doubt is not None and scene.digest not in asked]
        if not doubtful:
            return selection, known
        asked |= {scene.digest for scene in doubtful}
        known |= decide(doubtful, region.access, done)
        write_decisions(region.cube, name, known)


def certain(scenes: Sequence[Scene], access: Access = ANYWHERE) -> list[Scene]:
    """The scenes with their doubts settled; those whose pixels cannot decide, or cannot be read, are left out."""
    decisions = decide([scene for scene in scenes if scene.doubt is not None], access)
    settled_or_not = [_settled(scene, decisions.get(scene.digest)) for scene in scenes]
    return [scene for scene in settled_or_not if scene.doubt is None]


def read_list(cube: Place, name: str) -> list[dict[str, Any]]:
    with files.reading(cube, name) as path:
        return scenelist.read(path)


def write_list(cube: Place, name: str, listed: list[dict[str, Any]]) -> None:
    with files.writing(cube, name) as path:
        scenelist.write(path, listed)


def read_decisions(cube: Place, name: str) -> dict[str, Decision]:
    return {of: Decision(**decision) for of, decision in json.loads(files.read(cube, name)).items()}


def write_decisions(cube: Place, name: str, decisions: Mapping[str, Decision]) -> None:
    files.write(cube, name, json.dumps({of: asdict(decisions[of]) for of in sorted(decisions)}, indent=1) + "\n")


def write_applied(cube: Place, name: str, selection: Selection, decisions: Mapping[str, Decision]) -> None:
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
    applied = {"used": used, "warnings": warnings, "left_out": selection.left}
    files.write(cube, name, json.dumps(applied, indent=1) + "\n")


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


def listed_as(region: Region) -> str:
    """The name in the cube, less its ending, of the durable list of a query."""
    asked = region.model_dump(include={"catalog", "collection", "period", "months"}, mode="json")
    return f"scenes/{digest([asked, region.searched.wkt])[:16]}"

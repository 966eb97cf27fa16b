"""STAC items of the newest version: one for each of its periods, at `stac/NAME-START.json`.

Each run leaves the item of its period in its folder; what is published is that item with the newest version in it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from importlib.metadata import version as package_version
from typing import Any

import numpy as np

from pipeline.cube import assessments, versions
from pipeline.cube.assessments import Assessment
from pipeline.cube.cube import Cube
from pipeline.cube.schema import Layout
from pipeline.cube.store import array
from pipeline.errors import RunError

FOLDER = "stac"
ACCURACY = "idgbr:accuracy"
VARIABLES = {
    "landcover": "land cover, boundaries refined",
    "coarse": "land cover before refinement",
    "confidence": "probability of the mapped class, percent",
    "refined": "what refinement did: 0 not considered, 1 confirmed, 2 changed",
    "observations": "clear observations",
}


def item_facts(cube: Cube, layout: Layout) -> dict[str, Any]:
    """What every item of a cube tells: arguments of `catalogs.stac_item.write_item`."""
    r, w = layout.extent.grid.resolution, layout.extent.window
    return {
        "crs": layout.extent.grid.crs,
        "shape_YX": w.shape,
        "transform": (r, 0.0, w.x0 * r, 0.0, -r, -w.y0 * r),
        "classes": layout.classes,
        "store": _store(cube),
        "variables": VARIABLES,
        "software": {"idgbr": package_version("idgbr")},
    }


def item_of_run(run: str) -> str:
    """The file in the cube where a run leaves the item of its period."""
    return f"runs/{run}/item.json"


def model_of_run(run: str) -> str:
    """The file in the cube where a run leaves the item of its model."""
    return f"runs/{run}/model.json"


def item_of_period(cube: Cube, version: str, start: str) -> dict[str, Any] | None:
    """The item of a version's period by its first day, with the version's accuracies; None where there is none."""
    names = [name for name in cube.files.list(FOLDER) if name.endswith(f"-{start}.json")]
    names = names if version == versions.resolve(cube) else []
    if run := versions.runs_of(cube, version).get(start):
        names += [item_of_run(run)]
    items = [_read(cube, name) for name in names if cube.files.exists(name)]
    if not items:
        return None
    _write_version(cube, items[0], version, start, assessments.of_version(cube, version))
    return items[0]


def model_of_period(cube: Cube, version: str, start: str) -> dict[str, Any] | None:
    """The item of the model that made a version's period; None where its run left none."""
    name = model_of_run(versions.runs_of(cube, version).get(start, ""))
    return _read(cube, name) if cube.files.exists(name) else None


def publish_items(cube: Cube, runs: Mapping[str, str] | None = None) -> None:
    """Makes `stac/` name the newest version, whatever a rollback, a pruning or an interruption left there.

    Items of periods that the version does not have are deleted. `runs`: id of the run of a period, by its first day,
    for periods of which the version itself does not record it; for the others an item that is there stays, and names
    the newest version. Raises RunError where files cannot be written, or are damaged.
    """
    version = versions.resolve(cube)
    made_by = {**(runs or {}), **versions.runs_of(cube, version)}
    before = {name: name[-15:-5] for name in cube.files.list(FOLDER) if re.search(r"-\d{4}-\d\d-\d\d\.json$", name)}
    after: dict[str, dict[str, Any]] = {}
    for start in _starts(cube, version):
        drafts = [item_of_run(made_by[start])] if start in made_by else []
        items = [_read(cube, name) for name in drafts if cube.files.exists(name)]
        items = items or [_read(cube, name) for name, of in before.items() if of == start]
        after.update({f"{FOLDER}/{item['id']}.json": item for item in items})
    accuracies = assessments.of_version(cube, version)
    for name, item in after.items():
        _write_version(cube, item, version, name[-15:-5], accuracies)
        text = json.dumps(item, indent=2)
        if name not in before or cube.files.read(name) != text.encode():
            cube.files.write(name, text)
    for name in before.keys() - after.keys():
        cube.files.remove(name)
    versions.end_rollback(cube)


def _write_version(
    cube: Cube, item: dict[str, Any], version: str, start: str, accuracies: Sequence[Assessment]
) -> None:
    """Makes an item tell its version, where the cube is, and the accuracies of its period with their files alone."""
    item["properties"]["version"] = version
    accuracies = [kept for kept in accuracies if kept.period == start]
    assets = {name: asset for name, asset in item.get("assets", {}).items() if not name.startswith("accuracy")}
    item["properties"].pop(ACCURACY, None)
    if "cube" in assets:
        assets["cube"] = assets["cube"] | {"href": _store(cube)}
    if accuracies:
        item["properties"][ACCURACY] = [asdict(kept) for kept in accuracies]
    for kept in accuracies:
        name = "accuracy" if kept.before is None else f"accuracy-since-{kept.before}"
        href = f"{cube.location}/{kept.file}"
        assets[name] = {"href": href, "type": "application/json", "roles": ["metadata"]}
    if assets or "assets" in item:
        item["assets"] = assets


def _store(cube: Cube) -> str:
    return f"{cube.location}/store"


def _starts(cube: Cube, version: str) -> list[str]:
    """First day of each period of a version."""
    days = np.asarray(array(cube.group(snapshot=version), "time")).tolist()
    return [str(date(1970, 1, 1) + timedelta(day)) for day in days]


def _read(cube: Cube, name: str) -> dict[str, Any]:
    try:
        item: dict[str, Any] = json.loads(cube.files.read(name))
        if not re.fullmatch(r"[a-z0-9-]+", item["id"]) or not isinstance(item["properties"], dict):
            raise ValueError
        if not all(isinstance(asset, dict) for asset in item.get("assets", {}).values()):
            raise ValueError
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise damaged_item(cube, name) from None
    return item


def damaged_item(cube: Cube, name: str) -> RunError:
    return RunError(
        f"the STAC item {name} in the cube at {cube.location} is damaged; delete it and run its region again, which "
        "writes it anew"
    )

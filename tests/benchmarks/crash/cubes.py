"""What a trial starts from and must end with: a world, two versions of its map, and how a cube is looked at."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
import zarr
from map_model import save_model

from catalogs.simulated import Overpass, World, simulate
from pipeline.cube import versions
from pipeline.cube.checksums import sums_name
from pipeline.cube.cube import Cube
from pipeline.demo.ground import inner_bounds
from pipeline.storage.files import files_at
from pipeline.storage.lease import LOCK

Arrays = dict[str, np.ndarray]

LATE = "20240719"
SUMS = "checksums"
DATES = (
    Overpass("2024-05-13", "sentinel-2a", "02.14", cloudiness=0.05),
    Overpass("2024-06-17", "sentinel-2b", "05.10", cloudiness=0.5),
    Overpass("2024-07-19", "sentinel-2a", "05.10", cloudiness=0.1),
)


@dataclass(frozen=True)
class Change:
    """What differs from the published version: the model's seed, the scenes, or both.

    With `screening`, the section `change` of the region file, an update asks a change model what new scenes changed.
    """

    name: str
    catalog: Path
    model: Path
    screening: dict[str, Any] | None = None

    @property
    def verb(self) -> str:
        return "run" if self.screening is None else "update"


@dataclass(frozen=True)
class Ground:
    """A world with its catalogs and models; `first` is what the published version was made from."""

    folder: Path
    world: World
    first: Change
    changes: tuple[Change, ...]

    def write_region(self, path: Path, cube: str, change: Change, commit_every: int) -> None:
        content = {
            "name": "crash",
            "cube": cube,
            "catalog": str(change.catalog),
            "bbox": list(inner_bounds(self.world)),
            "period": ["2024-05-01", "2024-08-31"],
            "grid": {"crs": "europe", "resolution": 10, "block": 256},
            "model": str(change.model),
            "commit_every": commit_every,
            "gates": {"max_drift": 1.0},
        }
        if change.screening is not None:
            content["change"] = change.screening
        path.write_text(yaml.safe_dump(content))


def prepare(folder: Path) -> Ground:
    world = simulate(folder / "world", seed=11, kilometres=4, dates=DATES)
    fewer, model, other = (
        _catalog_without(world, LATE),
        save_model(folder / "model", 0),
        save_model(folder / "other-model", 7),
    )
    screening = {"model": "simulated-s2-change", "audit": 0.5}
    changes = (
        Change("model", fewer, other),
        Change("scenes", world.catalog, other),
        Change("screened", world.catalog, model, screening),
    )
    return Ground(folder, world, Change("first", fewer, model), changes)


def _catalog_without(world: World, day: str) -> Path:
    """Another catalog of the same items, without those of one day."""
    catalog, (collection,) = world.catalog, world.folder.glob("*/collection.json")
    content = json.loads(collection.read_text())
    content["links"] = [link for link in content["links"] if link["rel"] != "item" or day not in link["href"]]
    fewer = collection.with_name("fewer.json")
    fewer.write_text(json.dumps(content))
    named = catalog.read_text().replace(collection.name, fewer.name)
    path = catalog.with_name("fewer.json")
    path.write_text(named)
    return path


def arrays(cube: str) -> Arrays:
    """Every array of the newest version, whole."""
    group = newest(cube)
    return {name: np.asarray(node[...]) for name, node in group.members(None) if isinstance(node, zarr.Array)}


def newest(cube: str) -> zarr.Group:
    return Cube.open(cube).group(branch=versions.MAIN)


def differences(cube: str, expected: Arrays) -> list[str]:
    """In what a cube differs from an undisturbed run's, and what a run should not have left."""
    found = arrays(cube)
    told = [f"array {name} is there in one only" for name in found.keys() ^ expected.keys()]
    for name in sorted(found.keys() & expected.keys()):
        ours, theirs = found[name], expected[name]
        if ours.shape != theirs.shape or ours.tobytes() != theirs.tobytes():
            told.append(f"array {name} differs in {_different(ours, theirs)}")
    opened = Cube.open(cube)
    known, branches = versions.history(opened), sorted(opened.repository.list_branches())
    if len(known) != 2:
        told.append(f"the history has {len(known)} versions, not 2")
    sums = {sums_name(version.snapshot) for version in known}
    told += [f"{name} is there without its version, or not there" for name in sums ^ set(opened.files.list(SUMS))]
    if branches != [versions.MAIN]:
        told.append(f"branches are left: {', '.join(branches)}")
    if lock_of(cube):
        told.append("the lock is left")
    return told


def lock_of(cube: str) -> bytes:
    try:
        return files_at(cube).read(LOCK)
    except FileNotFoundError:
        return b""


def _different(ours: np.ndarray, theirs: np.ndarray) -> str:
    if ours.shape != theirs.shape:
        return f"shape: {ours.shape}, not {theirs.shape}"
    return f"{int((ours != theirs).sum())} of {ours.size} values"


def others(cube: Path) -> set[str]:
    """The files of a cube in a folder beside its store, but for the sums, whose names Icechunk draws."""
    files = (path.relative_to(cube) for path in cube.rglob("*") if path.is_file())
    return {str(path) for path in files if path.parts[0] not in ("store", SUMS)}


def copied(template: Path, cube: str, s3: Any = None) -> None:
    if s3 is None:
        shutil.copytree(template, cube)
        return
    bucket, _, prefix = cube.removeprefix("s3://").partition("/")
    for path in template.rglob("*"):
        if path.is_file():
            s3.put(bucket, f"{prefix}/{path.relative_to(template)}", path.read_bytes())

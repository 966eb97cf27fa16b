"""How far a cube is, from the cube alone."""

from pathlib import Path
from typing import Any

import numpy as np
import zarr

from pipeline import store, versions
from pipeline.layout import STATES


def status(cube: Path) -> dict[str, Any]:
    """The newest version with its blocks by state, and for each run under way how many blocks have a mosaic and a
    map. Raises UserError."""
    repository = store.repository(cube)
    known = versions.history(repository)
    running = sorted(branch for branch in repository.list_branches() if branch.startswith("run-"))
    return {
        "published": known[0].snapshot if known else None,
        "versions": len(known),
        "blocks": _states(store.reader(repository, branch=versions.MAIN)) if known else {},
        "running": {
            branch.removeprefix("run-"): _finished(store.reader(repository, branch=branch)) for branch in running
        },
    }


def _states(group: zarr.Group) -> dict[str, int]:
    count = np.bincount(np.asarray(store.array(group, "blocks/state")).ravel(), minlength=len(STATES))
    return {state: int(n) for state, n in zip(STATES, count, strict=True)}


def _finished(group: zarr.Group) -> dict[str, int]:
    if "blocks" not in group:
        return {"blocks": 0, "mosaic": 0, "landcover": 0}
    held = {name: np.asarray(store.array(group, f"blocks/{name}")) for name in ("mosaic", "landcover")}
    return {"blocks": held["mosaic"].size, **{name: int((values > 0).sum()) for name, values in held.items()}}

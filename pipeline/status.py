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
        "blocks": _states(store.peek(repository, versions.MAIN)),
        "running": {branch.removeprefix("run-"): _finished(store.peek(repository, branch)) for branch in running},
    }


def _states(group: zarr.Group | None) -> dict[str, int]:
    if group is None:
        return {}
    count = np.bincount(np.asarray(store.array(group, "blocks/state")).ravel(), minlength=len(STATES))
    return {state: int(n) for state, n in zip(STATES, count, strict=True)}


def _finished(group: zarr.Group | None) -> dict[str, int]:
    if group is None:
        return {"blocks": 0, "mosaic": 0, "landcover": 0}
    held = {name: np.asarray(store.array(group, f"blocks/{name}")) for name in ("mosaic", "landcover")}
    return {"blocks": held["mosaic"].size, **{name: int((values > 0).sum()) for name, values in held.items()}}

"""How far a cube is, from the cube alone."""

from pathlib import Path
from typing import Any

import numpy as np
import zarr

from pipeline.cube import store, versions
from pipeline.cube.schema import STATES
from pipeline.storage import lease
from pipeline.storage.location import place


def status(cube: str | Path) -> dict[str, Any]:
    """The newest version with its blocks by state, who holds the cube, and for each run under way how many blocks
    have a mosaic and a map. Raises UserError."""
    repository = store.repository(cube)
    known = versions.history(repository)
    running = sorted(branch for branch in repository.list_branches() if branch.startswith("run-"))
    main, holder = store.peek(repository, versions.MAIN), lease.holder(place(cube))
    return {
        "published": known[0].snapshot if known else None,
        "versions": len(known),
        "blocks": _states(main),
        "held_by": holder and str(holder),
        "running": {branch.removeprefix("run-"): _finished(store.peek(repository, branch), main) for branch in running},
    }


def _states(group: zarr.Group | None) -> dict[str, int]:
    if group is None:
        return {}
    count = np.bincount(np.asarray(store.array(group, "blocks/state")).ravel(), minlength=len(STATES))
    return {state: int(n) for state, n in zip(STATES, count, strict=True)}


def _finished(group: zarr.Group | None, main: zarr.Group | None) -> dict[str, int]:
    """How many blocks have a mosaic and a map that the newest version does not have, in all periods."""
    counts = {"mosaic": 0, "landcover": 0}
    if group is None:
        return counts
    for name in counts:
        made = np.asarray(store.array(group, f"blocks/{name}"))
        before = np.zeros_like(made)
        if main is not None:
            published = np.asarray(store.array(main, f"blocks/{name}"))
            before[: len(published)] = published
        counts[name] = int(((made != before) & (made > 0)).sum())
    return counts

"""How far a run is, seen from outside."""

from pathlib import Path

import icechunk
import numpy as np

from pipeline.cube import store, versions
from pipeline.cube.cube import Cube

PARTS = ("manifests", "snapshots", "transactions")


def phase(location: str, aimed: bool) -> str:
    """How far a run is: planning, work, commit, aggregate, publish, after."""
    cube = Cube.open(location)
    published = len(versions.history(cube)) > 1
    branches = sorted(cube.repository.list_branches() - {versions.MAIN})
    if not branches:
        return "after" if published else "planning"
    # An update with a change model has two while it maps: what it was asked on, and what it maps on, which is further.
    branch = next((branch for branch in branches if branch.startswith(versions.RUN)), branches[0])
    try:
        return _of_branch(cube, branch, published, aimed)
    except icechunk.IcechunkError:
        # Where not all of a run was killed, it goes on, and may delete its branch meanwhile.
        if branch in cube.repository.list_branches():
            raise
        return "after"


def _of_branch(cube: Cube, branch: str, published: bool, aimed: bool) -> str:
    tip = next(iter(cube.repository.ancestry(branch=branch)))
    if published or (tip.metadata.get("published") and tip.id != versions.head(cube)):
        return "publish"
    group = cube.group(branch=branch)
    made, counted = (np.asarray(store.array(group, f"blocks/{name}")[...]) for name in ("landcover", "aggregate"))
    old = np.asarray(store.array(cube.group(branch=versions.MAIN), "blocks/landcover")[...])
    if (made == counted).all() and (made != old).any():
        return "publish"
    if (made != old).all():
        return "aggregate"
    return "commit" if aimed else "work"


class Watch:
    """Counts what commits and publishing write into a cube in a folder, from now on."""

    def __init__(self, cube: Path) -> None:
        self.store = cube / "store"
        self.main = self.store / "refs" / "branch.main" / "ref.json"
        self.first, self.at_first = self._files(), self._main()

    def count(self) -> int:
        return self._files() - self.first + (self._main() != self.at_first)

    def _files(self) -> int:
        return sum(1 for part in PARTS for _ in (self.store / part).iterdir())

    def _main(self) -> int:
        return self.main.stat().st_mtime_ns

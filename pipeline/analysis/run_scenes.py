"""The scenes that runs used, kept by place."""

import json
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import shapely

from pipeline.storage.files import files_at
from pipeline.storage.location import Location

KEPT = 16
"""Runs whose scenes stay in memory, at less than a kilobyte a scene."""


@dataclass(frozen=True)
class RunScenes:
    """ids, times: of each scene, times as ISO 8601 text. footprints: of each, in degrees."""

    ids: tuple[str, ...]
    times: tuple[str, ...]
    footprints: shapely.STRtree

    def at(self, lon: float, lat: float) -> dict[str, str]:
        """The time of each scene whose footprint holds a point, by id in the order of ids."""
        found = self.footprints.query(shapely.Point(lon, lat), predicate="intersects").tolist()
        return dict(sorted((self.ids[at], self.times[at]) for at in found))


def scenes_of(location: Location, version: str, run: str) -> RunScenes | None:
    """The scenes of a run that a version of the cube at `location` was made by.

    None where the run's files are gone, or pyarrow, which the base install lacks, is not there to read them.
    """
    try:
        return _read(location, version, run)
    except (FileNotFoundError, ModuleNotFoundError):
        return None


@lru_cache(maxsize=KEPT)
def _read(location: Location, version: str, run: str) -> RunScenes:
    """`version` is here for the same run, interrupted and run again, that may have used other scenes by then."""
    from pyarrow import parquet

    files = files_at(location)
    used = {scene["id"]: scene["datetime"] for scene in json.loads(files.read(f"runs/{run}/applied.json"))["used"]}
    table = parquet.read_table(BytesIO(files.read(f"runs/{run}/scenes.parquet")), columns=["id", "geometry"])
    rows = zip(table["id"].to_pylist(), table["geometry"].to_pylist(), strict=True)
    shapes = {str(name): shape for name, shape in rows if name in used}
    return RunScenes(
        tuple(shapes), tuple(used[name] for name in shapes), shapely.STRtree(shapely.from_wkb(list(shapes.values())))
    )

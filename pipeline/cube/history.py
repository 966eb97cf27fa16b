"""The versions of a cube with what is known of each."""

from dataclasses import dataclass, fields
from datetime import datetime

from pipeline.cube import assessments, versions
from pipeline.cube.assessments import Assessment
from pipeline.cube.cube import Cube
from pipeline.cube.versions import Origin


@dataclass(frozen=True, kw_only=True)
class HistoryEntry(Origin):
    """A published version and the run that made it.

    version: its id. published: when, in UTC. tags: those that users gave it. withdrawn: whether a rollback took it off
    `main`. accuracy: estimates from samples.
    """

    version: str
    published: datetime
    tags: list[str]
    withdrawn: bool
    accuracy: list[Assessment]


def entries(cube: Cube) -> list[HistoryEntry]:
    """Every version that is kept, newest first. Raises RunError for a damaged accuracy."""
    return [
        HistoryEntry(
            version=version.snapshot,
            published=version.published,
            tags=list(version.tags),
            withdrawn=version.withdrawn,
            accuracy=assessments.of_version(cube, version.snapshot),
            **{field.name: getattr(version.origin, field.name) for field in fields(Origin)},
        )
        for version in versions.history(cube)
    ]

"""Retention: delete old versions and free their storage."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.cube import assessments, versions
from pipeline.cube.checksums import SUMS, sums_name
from pipeline.cube.cube import Cube
from pipeline.cube.versions import Version

SAFETY = timedelta(hours=24)
"""Objects younger than this are not deleted, nor those that a run under way may have written."""


@dataclass(frozen=True)
class Pruned:
    """The versions that were kept and those that were deleted.

    running: branches of runs under way. abandoned: branches that were deleted, since `main` has moved on without them
    and nobody has written to them since. bytes: freed, of objects written before `collected_before`; a later pruning
    frees the rest.
    """

    kept: list[Version]
    expired: list[Version]
    running: list[str]
    abandoned: list[str]
    bytes: int
    collected_before: datetime


def prune(
    cube: Cube,
    keep: int,
    older_than: timedelta | None = None,
    dry_run: bool = False,
    safety: timedelta = SAFETY,
) -> Pruned:
    """Deletes all versions but the newest `keep` (withdrawn ones count), tagged ones, and with `older_than` those
    younger than that. `dry_run` changes nothing; its `bytes` are those of objects that no version refers to now.

    Raises UserError if nothing is published.
    """
    now, newest = datetime.now(UTC), versions.resolve(cube)
    history = versions.history(cube)
    since = min(
        version.published
        for n, version in enumerate(history)
        if n < keep or version.snapshot == newest or (older_than is not None and version.published >= now - older_than)
    )
    expired = [version for version in history if version.published < since and not version.tags]
    kept = [version for version in history if version not in expired]
    running, abandoned = _branches(cube, now - safety)
    before = min([now, *(_base(cube, branch) for branch in running)]) - safety
    if not dry_run:
        _update_withdrawal_tags(cube, history, since)
        for branch in abandoned:
            cube.writable.delete_branch(branch)
        checked = {versions.head(cube), *(version.snapshot for version in kept)}
        with cube.rewriting_snapshots(checked):
            cube.writable.expire_snapshots(since)
        for name in set(cube.files.list(SUMS)) - set(map(sums_name, checked)):
            cube.files.remove(name)
        assessments.remove(cube, expired, kept)
    collected = cube.writable.garbage_collect(before, dry_run=dry_run)
    return Pruned(kept, expired, running, abandoned, collected.bytes_deleted, before)


def _update_withdrawal_tags(cube: Cube, history: list[Version], since: datetime) -> None:
    """Tags of rollbacks stay only on withdrawn versions that are kept."""
    old = {version.snapshot: version for version in history if version.published < since}
    kept = {snapshot for snapshot, version in old.items() if version.withdrawn and version.tags}
    for snapshot in kept:
        versions.tag_withdrawn(cube, snapshot)
    for tag, snapshot in versions.withdrawal_tags(cube).items():
        if snapshot in old and snapshot not in kept:
            cube.writable.delete_tag(tag)


def _branches(cube: Cube, then: datetime) -> tuple[list[str], list[str]]:
    """Branches of runs under way, and those without the head of `main` that nobody has written to since `then`."""
    head = next(cube.repository.ancestry(branch=versions.MAIN))
    running: list[str] = []
    abandoned: list[str] = []
    for branch in sorted(cube.repository.list_branches() - {versions.MAIN}):
        tip = next(cube.repository.ancestry(branch=branch))
        overtaken = head.id not in {snapshot.id for snapshot in cube.repository.ancestry(branch=branch)}
        stale = overtaken and max(tip.written_at, head.written_at) < then
        (abandoned if stale else running).append(branch)
    return running, abandoned


def _base(cube: Cube, branch: str) -> datetime:
    """When the version that a branch started from was published; when the repository was made if there is none."""
    written = datetime.now(UTC)
    for snapshot in cube.repository.ancestry(branch=branch):
        written = snapshot.written_at
        if snapshot.metadata.get("published"):
            break
    return written

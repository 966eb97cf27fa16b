"""Versions of a cube: a run works on a branch of its own, and publishing moves `main` there in one step.

A published version is a commit whose metadata has "published"; the commits of a run's blocks lie between two of them.
A rollback moves `main` to a new commit upon an older version, and tags the version that it withdraws.
Only the driver commits.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

import icechunk

from pipeline.cube.checked_store import session_group
from pipeline.cube.cube import Cube
from pipeline.errors import RunError, UserError

MAIN = "main"
NEWEST, PREVIOUS = "newest", "previous"
WITHDRAWN = "withdrawn-"
ROLLBACK = "rollback-"
RUN = "run-"
"""Begins the name of a run's branch."""
SCREEN = "screen-"
"""Begins the name of the branch where an update asks its change model."""


@dataclass(frozen=True)
class Origin:
    """The run that made a version, as the metadata of the version's commit have it.

    run: id. name: the region's. blocks: number that the run mapped. degraded: number of blocks of the region that lack
    a scene. runs: id of the run that made each period, by its first day. model: first 16 digits of the model's digest.
    cost: seconds a GB and seconds a window, as far as measured. gates: value of each gate, None where there was nothing
    to compare with. rolled_back_to: the version that a rollback published again. because: why somebody published it
    although a gate held it back.
    """

    run: str
    name: str
    blocks: int
    degraded: int
    runs: dict[str, str] | None = None
    model: str | None = None
    cost: dict[str, float] | None = None
    gates: dict[str, float | None] | None = None
    rolled_back_to: str | None = None
    because: str | None = None

    @staticmethod
    def of(metadata: Mapping[str, Any]) -> "Origin":
        return Origin(**{field.name: metadata[field.name] for field in fields(Origin) if field.name in metadata})

    def metadata(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Version:
    """A published version. tags: those that users gave it. withdrawn: whether a rollback took it off `main`."""

    snapshot: str
    published: datetime
    origin: Origin
    tags: tuple[str, ...] = ()
    withdrawn: bool = False


def history(cube: Cube) -> list[Version]:
    """Every version that is kept, newest first: the ancestry of `main`, of tags and of withdrawn versions."""
    tags, withdrawals = user_tags(cube), withdrawal_tags(cube)
    starts = [(head(cube), False), *((s, True) for s in withdrawals.values()), *((s, False) for s in tags.values())]
    seen: set[str] = set()
    found = []
    for start, withdrawn in starts:
        for snapshot in cube.repository.ancestry(snapshot_id=start):
            if snapshot.id in seen:
                break
            seen.add(snapshot.id)
            if snapshot.metadata.get("published"):
                names = tuple(sorted(tag for tag, at in tags.items() if at == snapshot.id))
                origin = Origin.of(snapshot.metadata)
                found.append(Version(snapshot.id, snapshot.written_at, origin, names, withdrawn))
    return sorted(found, key=lambda version: version.published, reverse=True)


def user_tags(cube: Cube) -> dict[str, str]:
    """The snapshot of each tag that a user made."""
    return {tag: at for tag, at in _tags(cube).items() if not tag.startswith(WITHDRAWN)}


def withdrawal_tags(cube: Cube) -> dict[str, str]:
    """The snapshot of each tag that a rollback made."""
    return {tag: at for tag, at in _tags(cube).items() if tag.startswith(WITHDRAWN)}


def _tags(cube: Cube) -> dict[str, str]:
    return {tag: str(cube.repository.lookup_tag(tag)) for tag in sorted(cube.repository.list_tags())}


def head(cube: Cube) -> str:
    """The snapshot of `main`."""
    return str(cube.repository.lookup_branch(MAIN))


def resolve(cube: Cube, version: str | None = None) -> str:
    """The snapshot of a version: its own name, a tag, "newest" (the default) or "previous". Raises UserError."""
    newest = next((str(s.id) for s in cube.repository.ancestry(branch=MAIN) if s.metadata.get("published")), None)
    if newest is None:
        raise UserError("nothing is published in this cube yet; 'idgbr run' its region to the end")
    if version in (None, NEWEST, newest):
        return newest
    snapshots = [v.snapshot for v in history(cube)]
    if version == PREVIOUS:
        if len(snapshots) == 1:
            raise UserError(f"the cube has no version before {newest}, its only one; name that")
        return next(snapshot for snapshot in snapshots if snapshot != newest)
    tags = user_tags(cube)
    snapshot = tags.get(version, version)
    if snapshot not in snapshots:
        raise UserError(
            f"the cube has no version {version!r} (any more, if it was pruned); its newest are "
            f"{', '.join(snapshots[:5])}, its tags: {', '.join(tags) or 'none'}; 'idgbr history' lists all"
        )
    return snapshot


def readable(cube: Cube, version: str | None = None) -> str:
    """`resolve`, or the end of a run's branch, which is not published: to look at, and for nothing else."""
    if version is not None and version.startswith(RUN) and version in cube.repository.list_branches():
        return str(cube.repository.lookup_branch(version))
    return resolve(cube, version)


def start_branch(cube: Cube, branch: str) -> str:
    """Makes a run's branch from `main`, or keeps it as an interrupted run left it; returns the head of `main`.

    A branch that does not contain the head of `main` starts anew.
    """
    base = head(cube)
    if branch in cube.repository.list_branches():
        if base in {snapshot.id for snapshot in cube.repository.ancestry(branch=branch)}:
            return base
        cube.writable.delete_branch(branch)
    cube.writable.create_branch(branch, base)
    return base


def is_published(cube: Cube, snapshot: str) -> bool:
    return bool(_metadata(cube, snapshot).get("published"))


def origin_of(cube: Cube, version: str) -> Origin:
    return Origin.of(_metadata(cube, version))


def runs_of(cube: Cube, snapshot: str) -> dict[str, str]:
    """Id of the run that made each period of a version, by its first day, as far as the version records it."""
    return dict(_metadata(cube, snapshot).get("runs", {}))


def _metadata(cube: Cube, snapshot: str) -> dict[str, Any]:
    return dict(next(cube.repository.ancestry(snapshot_id=snapshot)).metadata)


def delete_branch(cube: Cube, branch: str) -> None:
    """Deletes a run's branch if there is one."""
    if branch in cube.repository.list_branches():
        cube.writable.delete_branch(branch)


def publish(cube: Cube, branch: str, base: str, origin: Origin) -> str:
    """Closes a run's branch with a commit of its origin and moves `main` from `base` to it; returns the version.

    Continues where an interrupted call stopped. Raises RunError if `main` is no longer at `base`.
    """
    tip = next(cube.repository.ancestry(branch=branch))
    if tip.id == base and tip.metadata.get("published"):
        cube.writable.delete_branch(branch)
        return base
    version = str(tip.id) if tip.metadata.get("published") else _close(cube, branch, f"publish {origin.run}", origin)
    cube.write_sums(version, base)
    move_main(cube, base, version, "run the same command again to map what is still due")
    cube.writable.delete_branch(branch)
    return version


def rollback(cube: Cube, version: str, announce: Callable[[], None] = lambda: None) -> str:
    """Publishes the content of an older (or withdrawn) version as the newest; returns the new version.

    The versions that it withdraws stay readable, and can be restored by another rollback, until they are pruned.
    `announce` is called when `main` has moved; if it fails, the same call again goes on with it. Raises UserError, and
    RunError if a run has published meanwhile.
    """
    base, target, moved = head(cube), resolve(cube, version), _rollback_at_head(cube)
    if moved is not None and (version == PREVIOUS or f"{ROLLBACK}{target}" == moved):
        announce()
        end_rollback(cube)
        return base
    if target == base:
        raise UserError(f"{version} is the newest version already; name an older one, 'idgbr history' lists them")
    branch = f"{ROLLBACK}{target}"
    delete_branch(cube, branch)
    cube.writable.create_branch(branch, target)
    new = _close(cube, branch, f"roll back to {target}", replace(origin_of(cube, target), rolled_back_to=target))
    cube.write_sums(new, target)
    tag_withdrawn(cube, resolve(cube))
    move_main(cube, base, new, "see 'idgbr history' and roll back again if that is still wanted")
    announce()
    end_rollback(cube)
    return new


def end_rollback(cube: Cube) -> None:
    """Deletes the branch of a rollback that is `main` now, if there is one: it has been announced."""
    if branch := _rollback_at_head(cube):
        cube.writable.delete_branch(branch)


def _rollback_at_head(cube: Cube) -> str | None:
    branches = [branch for branch in cube.repository.list_branches() if branch.startswith(ROLLBACK)]
    return next((name for name in branches if str(cube.repository.lookup_branch(name)) == head(cube)), None)


def tag_withdrawn(cube: Cube, snapshot: str) -> None:
    """Tags a version, unless it is tagged, so that it and its ancestry are kept after their withdrawal from `main`."""
    if snapshot not in withdrawal_tags(cube).values():
        cube.writable.create_tag(f"{WITHDRAWN}{datetime.now(UTC):%Y%m%dT%H%M%S}-{snapshot[:8]}", snapshot)


def _close(cube: Cube, branch: str, message: str, origin: Origin) -> str:
    session = cube.repository.writable_session(branch)
    session_group(session).attrs["version"] = origin.metadata()
    return cube.commit(session, message, {**origin.metadata(), "published": True})


def move_main(cube: Cube, base: str, version: str, what_to_do: str) -> None:
    """Moves `main` from `base` to a snapshot. Raises RunError if `main` is elsewhere by now."""
    try:
        cube.writable.reset_branch(MAIN, version, from_snapshot_id=base)
    except icechunk.IcechunkError as error:
        if head(cube) == base:
            raise
        raise RunError(f"another run has published into this cube meanwhile; {what_to_do}") from error

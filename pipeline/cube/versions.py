"""Versions of a cube: a run works on a branch of its own, and publishing moves `main` there in one step.

A published version is a commit whose metadata say so; the commits of a run's blocks lie between two of them.
A rollback moves `main` to a new commit upon an older version; a tag of the system's own keeps what it withdrew.
Only the driver commits.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import icechunk
import zarr

from pipeline.cube.cube import Cube
from pipeline.errors import RunError, UserError

MAIN = "main"
NEWEST, PREVIOUS = "newest", "previous"
WITHDRAWN = "withdrawn-"


@dataclass(frozen=True)
class Version:
    """A version, its users' tags, and whether a rollback has withdrawn it."""

    snapshot: str
    published: datetime
    about: dict[str, Any]
    tags: tuple[str, ...] = ()
    withdrawn: bool = False


def history(cube: Cube) -> list[Version]:
    """Every version that is kept, newest first: what `main` is made upon, what is tagged, what a rollback withdrew."""
    named, withdrawn = user_tags(cube), withdrawal_tags(cube)
    walks = [(head(cube), False), *((s, True) for s in withdrawn.values()), *((s, False) for s in named.values())]
    seen: set[str] = set()
    known = []
    for start, gone in walks:
        for snapshot in cube.repository.ancestry(snapshot_id=start):
            if snapshot.id in seen:
                break
            seen.add(snapshot.id)
            if snapshot.metadata.get("published"):
                tags = tuple(sorted(tag for tag, at in named.items() if at == snapshot.id))
                about = {what: value for what, value in snapshot.metadata.items() if what != "published"}
                known.append(Version(snapshot.id, snapshot.written_at, about, tags, gone))
    return sorted(known, key=lambda version: version.published, reverse=True)


def facts(version: Version) -> dict[str, Any]:
    """For programs."""
    return {
        "version": version.snapshot,
        "published": version.published.isoformat(),
        "tags": list(version.tags),
        "withdrawn": version.withdrawn,
        **version.about,
    }


def user_tags(cube: Cube) -> dict[str, str]:
    """The snapshot of each tag that a user made."""
    return {tag: at for tag, at in _tags(cube).items() if not tag.startswith(WITHDRAWN)}


def withdrawal_tags(cube: Cube) -> dict[str, str]:
    """The snapshot of each tag that a rollback made."""
    return {tag: at for tag, at in _tags(cube).items() if tag.startswith(WITHDRAWN)}


def _tags(cube: Cube) -> dict[str, str]:
    return {tag: str(cube.repository.lookup_tag(tag)) for tag in sorted(cube.repository.list_tags())}


def head(cube: Cube) -> str:
    return str(cube.repository.lookup_branch(MAIN))


def resolve(cube: Cube, version: str | None = None) -> str:
    """The snapshot of a version: its own name, a tag, "newest" (the default) or "previous". Raises UserError."""
    newest = next((str(s.id) for s in cube.repository.ancestry(branch=MAIN) if s.metadata.get("published")), None)
    if newest is None:
        raise UserError("nothing is published in this cube yet; 'idgbr run' its region to the end")
    if version in (None, NEWEST, newest):
        return newest
    known = [v.snapshot for v in history(cube)]
    if version == PREVIOUS:
        if len(known) == 1:
            raise UserError(f"the cube has no version before {newest}, its only one; name that")
        return next(snapshot for snapshot in known if snapshot != newest)
    tags = user_tags(cube)
    snapshot = tags.get(version, version)
    if snapshot not in known:
        raise UserError(
            f"the cube has no version {version!r} (any more, if it was pruned); its newest are "
            f"{', '.join(known[:5])}, its tags: {', '.join(tags) or 'none'}; 'idgbr history' lists all"
        )
    return snapshot


def start_branch(cube: Cube, branch: str) -> str:
    """Makes a run's branch from `main`, or keeps it as an interrupted run left it; returns the head of `main`.

    A branch that `main` has overtaken starts anew.
    """
    base = head(cube)
    if branch in cube.repository.list_branches():
        if base in {snapshot.id for snapshot in cube.repository.ancestry(branch=branch)}:
            return base
        cube.repository.delete_branch(branch)
    cube.repository.create_branch(branch, base)
    return base


def is_published(cube: Cube, snapshot: str) -> bool:
    return bool(next(cube.repository.ancestry(snapshot_id=snapshot)).metadata.get("published"))


def delete_branch(cube: Cube, branch: str) -> None:
    """Deletes a run's branch if there is one."""
    if branch in cube.repository.list_branches():
        cube.repository.delete_branch(branch)


def publish(cube: Cube, branch: str, base: str, about: dict[str, Any]) -> str:
    """Closes a run's branch with a commit that carries `about` and moves `main` from `base` to it; returns the version.

    Raises RunError if `main` is no longer at `base`: somebody else has published meanwhile.
    """
    tip = next(cube.repository.ancestry(branch=branch))
    if tip.id == base and tip.metadata.get("published"):
        cube.repository.delete_branch(branch)
        return base
    version = str(tip.id) if tip.metadata.get("published") else _close(cube, branch, f"publish {about['run']}", about)
    _move_main(cube, base, version, "run the same command again to map what is still due")
    cube.repository.delete_branch(branch)
    return version


def rollback(cube: Cube, version: str) -> str:
    """Publishes the content of an older (or withdrawn) version as the newest; returns the new version.

    What it withdraws stays readable, and can be restored by another rollback, until it is pruned. Raises UserError,
    and RunError if a run has published meanwhile.
    """
    base, target = head(cube), resolve(cube, version)
    if target == base:
        raise UserError(f"{version} is the newest version already; name an older one, 'idgbr history' lists them")
    (about,) = (v.about for v in history(cube) if v.snapshot == target)
    branch = f"rollback-{target}"
    delete_branch(cube, branch)
    cube.repository.create_branch(branch, target)
    made = _close(cube, branch, f"roll back to {target}", {**about, "rolled_back_to": target})
    tag_withdrawn(cube, base)
    _move_main(cube, base, made, "see 'idgbr history' and roll back again if that is still wanted")
    cube.repository.delete_branch(branch)
    return made


def tag_withdrawn(cube: Cube, snapshot: str) -> None:
    """Tags a version, if it is not yet, so that it and what it is made upon outlive their withdrawal from `main`."""
    if snapshot not in withdrawal_tags(cube).values():
        cube.repository.create_tag(f"{WITHDRAWN}{datetime.now(UTC):%Y%m%dT%H%M%S}-{snapshot[:8]}", snapshot)


def _close(cube: Cube, branch: str, message: str, about: dict[str, Any]) -> str:
    session = cube.repository.writable_session(branch)
    zarr.open_group(session.store).attrs["version"] = about
    return str(session.commit(message, metadata={**about, "published": True}))


def _move_main(cube: Cube, base: str, version: str, what_to_do: str) -> None:
    try:
        cube.repository.reset_branch(MAIN, version, from_snapshot_id=base)
    except icechunk.IcechunkError as error:
        if head(cube) == base:
            raise
        raise RunError(f"another run has published into this cube meanwhile; {what_to_do}") from error

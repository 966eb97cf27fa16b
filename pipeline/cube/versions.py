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


def history(repository: icechunk.Repository) -> list[Version]:
    """Every version that is kept, newest first: what `main` is made upon, what is tagged, what a rollback withdrew."""
    named, withdrawn = tagged(repository), withdrawals(repository)
    walks = [(head(repository), False), *((s, True) for s in withdrawn.values()), *((s, False) for s in named.values())]
    seen: set[str] = set()
    known = []
    for start, gone in walks:
        for snapshot in repository.ancestry(snapshot_id=start):
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


def tagged(repository: icechunk.Repository) -> dict[str, str]:
    """The snapshot of each tag that a user made."""
    return {tag: at for tag, at in _tags(repository).items() if not tag.startswith(WITHDRAWN)}


def withdrawals(repository: icechunk.Repository) -> dict[str, str]:
    """The snapshot of each tag that a rollback made."""
    return {tag: at for tag, at in _tags(repository).items() if tag.startswith(WITHDRAWN)}


def _tags(repository: icechunk.Repository) -> dict[str, str]:
    return {tag: str(repository.lookup_tag(tag)) for tag in sorted(repository.list_tags())}


def head(repository: icechunk.Repository) -> str:
    return str(repository.lookup_branch(MAIN))


def resolve(repository: icechunk.Repository, version: str | None = None) -> str:
    """The snapshot of a version: its own name, a tag, "newest" (the default) or "previous". Raises UserError."""
    newest = next((str(s.id) for s in repository.ancestry(branch=MAIN) if s.metadata.get("published")), None)
    if newest is None:
        raise UserError("nothing is published in this cube yet; 'idgbr run' its region to the end")
    if version in (None, NEWEST, newest):
        return newest
    known = [v.snapshot for v in history(repository)]
    if version == PREVIOUS:
        if len(known) == 1:
            raise UserError(f"the cube has no version before {newest}, its only one; name that")
        return next(snapshot for snapshot in known if snapshot != newest)
    tags = tagged(repository)
    snapshot = tags.get(version, version)
    if snapshot not in known:
        raise UserError(
            f"the cube has no version {version!r} (any more, if it was pruned); its newest are "
            f"{', '.join(known[:5])}, its tags: {', '.join(tags) or 'none'}; 'idgbr history' lists all"
        )
    return snapshot


def begin(repository: icechunk.Repository, branch: str) -> str:
    """Makes a run's branch from `main`, or keeps it as an interrupted run left it; returns the head of `main`.

    A branch that `main` has overtaken starts anew.
    """
    base = head(repository)
    if branch in repository.list_branches():
        if base in {snapshot.id for snapshot in repository.ancestry(branch=branch)}:
            return base
        repository.delete_branch(branch)
    repository.create_branch(branch, base)
    return base


def is_published(repository: icechunk.Repository, snapshot: str) -> bool:
    return bool(next(repository.ancestry(snapshot_id=snapshot)).metadata.get("published"))


def drop(repository: icechunk.Repository, branch: str) -> None:
    """Deletes a run's branch if there is one."""
    if branch in repository.list_branches():
        repository.delete_branch(branch)


def publish(repository: icechunk.Repository, branch: str, base: str, about: dict[str, Any]) -> str:
    """Closes a run's branch with a commit that carries `about` and moves `main` from `base` to it; returns the version.

    Raises RunError if `main` is no longer at `base`: somebody else has published meanwhile.
    """
    tip = next(repository.ancestry(branch=branch))
    if tip.id == base and tip.metadata.get("published"):
        repository.delete_branch(branch)
        return base
    version = (
        str(tip.id) if tip.metadata.get("published") else _close(repository, branch, f"publish {about['run']}", about)
    )
    _move_main(repository, base, version, "run the same command again to map what is still due")
    repository.delete_branch(branch)
    return version


def rollback(repository: icechunk.Repository, version: str) -> str:
    """Publishes the content of an older (or withdrawn) version as the newest; returns the new version.

    What it withdraws stays readable, and can be restored by another rollback, until it is pruned. Raises UserError,
    and RunError if a run has published meanwhile.
    """
    base, target = head(repository), resolve(repository, version)
    if target == base:
        raise UserError(f"{version} is the newest version already; name an older one, 'idgbr history' lists them")
    (about,) = (v.about for v in history(repository) if v.snapshot == target)
    branch = f"rollback-{target}"
    drop(repository, branch)
    repository.create_branch(branch, target)
    made = _close(repository, branch, f"roll back to {target}", {**about, "rolled_back_to": target})
    keep_withdrawn(repository, base)
    _move_main(repository, base, made, "see 'idgbr history' and roll back again if that is still wanted")
    repository.delete_branch(branch)
    return made


def keep_withdrawn(repository: icechunk.Repository, snapshot: str) -> None:
    """Tags a version, if it is not yet, so that it and what it is made upon outlive their withdrawal from `main`."""
    if snapshot not in withdrawals(repository).values():
        repository.create_tag(f"{WITHDRAWN}{datetime.now(UTC):%Y%m%dT%H%M%S}-{snapshot[:8]}", snapshot)


def _close(repository: icechunk.Repository, branch: str, message: str, about: dict[str, Any]) -> str:
    session = repository.writable_session(branch)
    zarr.open_group(session.store).attrs["version"] = about
    return str(session.commit(message, metadata={**about, "published": True}))


def _move_main(repository: icechunk.Repository, base: str, version: str, what_to_do: str) -> None:
    try:
        repository.reset_branch(MAIN, version, from_snapshot_id=base)
    except icechunk.IcechunkError as error:
        if head(repository) == base:
            raise
        raise RunError(f"another run has published into this cube meanwhile; {what_to_do}") from error

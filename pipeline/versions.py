"""Versions of a cube: a run works on a branch of its own, and publishing moves `main` there in one step.

A published version is a commit whose metadata say so; the commits of a run's blocks lie between two of them.
Only the driver commits.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import icechunk
import zarr

from pipeline.errors import RunError, UserError

MAIN = "main"


@dataclass(frozen=True)
class Version:
    snapshot: str
    published: datetime
    about: dict[str, Any]


def history(repository: icechunk.Repository) -> list[Version]:
    """The published versions, newest first."""
    return [
        Version(snapshot.id, snapshot.written_at, dict(snapshot.metadata))
        for snapshot in repository.ancestry(branch=MAIN)
        if snapshot.metadata.get("published")
    ]


def head(repository: icechunk.Repository) -> str:
    return str(repository.lookup_branch(MAIN))


def resolve(repository: icechunk.Repository, version: str | None = None) -> str:
    """The snapshot of a published version, the newest by default. Raises UserError."""
    known = [v.snapshot for v in history(repository)]
    if not known:
        raise UserError("nothing is published in this cube yet; 'idgbr run' its region to the end")
    if version is None:
        return known[0]
    if version not in known:
        raise UserError(f"the cube has no version {version!r}; its newest are {', '.join(known[:5])}")
    return version


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
    return snapshot in {version.snapshot for version in history(repository)}


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
    if tip.metadata.get("published"):
        version = str(tip.id)
    else:
        session = repository.writable_session(branch)
        zarr.open_group(session.store).attrs["version"] = about
        version = str(session.commit(f"publish {about['run']}", metadata={"published": True, **about}))
    try:
        repository.reset_branch(MAIN, version, from_snapshot_id=base)
    except icechunk.IcechunkError as error:
        if head(repository) == base:
            raise
        raise RunError(
            "another run has published into this cube meanwhile; run the same command again to map what is still due"
        ) from error
    repository.delete_branch(branch)
    return version

"""What the verbs that change the versions of a cube tell."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Published:
    """A held run that was published. version: the new one. because: the reason that the version keeps."""

    version: str
    run: str
    because: str


@dataclass(frozen=True)
class Discarded:
    """A held run that was deleted. discarded: its id."""

    discarded: str


@dataclass(frozen=True)
class RolledBack:
    """A rollback. version: the new one, which is the newest. rolled_back_to: the version that it has the content of."""

    version: str
    rolled_back_to: str | None


@dataclass(frozen=True)
class Tagged:
    """A tag that was made or deleted, and its version."""

    tag: str
    version: str
    deleted: bool


@dataclass(frozen=True)
class PruneReport:
    """What a pruning did, or would do.

    kept, expired: versions, newest first. running: branches of runs under way. abandoned: branches that were deleted.
    bytes_freed: of a pruning. bytes_unused: of a dry run. collected_before: objects written later are freed by a later
    pruning.
    """

    dry_run: bool
    kept: list[str]
    expired: list[str]
    running: list[str]
    abandoned: list[str]
    bytes_freed: int
    bytes_unused: int
    collected_before: datetime

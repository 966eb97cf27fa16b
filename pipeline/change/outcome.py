"""What an update decided of a block, and why."""

from enum import IntEnum


class Outcome(IntEnum):
    """Values of `blocks/outcome`: of the last update that decided of the block."""

    NOT_ASKED = 0
    NEVER_MAPPED = 1
    DEGRADED = 2
    OTHER_INPUTS = 3
    CHANGED = 4
    FOUND_BY_AUDIT = 5
    SCREENED_OUT = 6
    AWAITS_VIEWS = 7
    UNREADABLE = 8
    BETTER_VIEWS = 9

    @property
    def goes_on(self) -> bool:
        """Whether the block gets its new mosaic, and is mapped again."""
        return Outcome.NEVER_MAPPED <= self <= Outcome.FOUND_BY_AUDIT or self is Outcome.BETTER_VIEWS

    @property
    def reason(self) -> str:
        return REASONS[self]


REASONS = {
    Outcome.NOT_ASKED: "no new scene touches it",
    Outcome.NEVER_MAPPED: "it was never mapped, or never seen clear",
    Outcome.DEGRADED: "it lacked a scene that could not be read",
    Outcome.OTHER_INPUTS: "it was mapped with another model or other settings",
    Outcome.CHANGED: "the ground has changed",
    Outcome.FOUND_BY_AUDIT: "its audit found a change in what would have been skipped",
    Outcome.SCREENED_OUT: "the ground has not changed",
    Outcome.AWAITS_VIEWS: "it shows a change that later views have to confirm",
    Outcome.UNREADABLE: "a scene could not be read: it is asked again",
    Outcome.BETTER_VIEWS: "the ground has not changed, but is seen far better than when it was mapped",
}

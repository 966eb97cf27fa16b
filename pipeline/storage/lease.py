"""The lease of a cube: one run at a time.

Who holds it says so in the cube's `lock.json`, whose count a thread raises every BEAT seconds. It passes on when it is
given back, when its holder is seen to be dead (a process of this machine that is gone), or when its count has stood
still for EXPIRY seconds by the monotonic clock of the one who waits. So neither a clock that jumps nor what other
machines take for the time matters. A holder that was suspended so long that another took over is told at its next
`check`, and never writes over the other's lock.
"""

import threading
import time as clock
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from pipeline.errors import RunError
from pipeline.storage import files
from pipeline.storage.holder import Holder
from pipeline.storage.location import Place

LOCK = "lock.json"
BEAT = 5.0
EXPIRY = 30.0

_over: set[str] = set()
"""The holders that this process was; an outage may have kept their locks."""


@dataclass(frozen=True)
class Lease:
    cube: Place
    holder: Holder
    _ended: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raises RunError where this process holds the cube no longer, or where that cannot be told now."""
        if self._mine() is None:
            now = holder(self.cube)
            raise RunError(
                f"the cube at {self.cube} is held by {now or 'nobody'} now, for this run's lock was removed or stood "
                f"still for {EXPIRY:g} s; what is committed is kept, run again"
            )

    def _mine(self) -> tuple[bytes, Holder] | None:
        """The lock as it stands, if it is still this one."""
        found = _look(self.cube)
        now = found and _holder(self.cube, found)
        return (found, now) if found and now and now.id == self.holder.id else None

    def _keep(self) -> None:
        """Raises the count until the end, and gives the lock back then; what fails is tried again."""
        while not self._ended.wait(BEAT):
            if self._lost(lambda now: replace(now, beat=now.beat + 1).text()):
                return
        while not self._lost(lambda now: None):
            clock.sleep(BEAT)

    def _lost(self, then: Callable[[Holder], bytes | None]) -> bool:
        """Writes what comes next into the lock, and tells whether that, or another, has made an end of it."""
        with suppress(RunError, OSError):
            mine = self._mine()
            if mine is None:
                return True
            found, now = mine
            new = then(now)
            return files.swap(self.cube, LOCK, found, new) and new is None
        return False


@contextmanager
def held(cube: Place, about: Mapping[str, str]) -> Iterator[Lease]:
    """Holds a cube for one run; `about` has its `run` and the `name` of its region.

    Waits up to EXPIRY seconds where a run of another machine may be dead. Raises RunError where another run holds the
    cube, and where object storage does not answer or refuses.
    """
    mine = Holder.here(about["run"], about["name"])
    while not files.swap(cube, LOCK, _free(cube), mine.text()):
        continue
    lease = Lease(cube, mine)
    keeper = threading.Thread(target=lease._keep, name="lease", daemon=True)
    keeper.start()
    try:
        yield lease
    finally:
        _over.add(mine.id)
        lease._ended.set()
        keeper.join(BEAT)


def holder(cube: Place) -> Holder | None:
    """Who holds a cube, or has died holding it. Raises RunError."""
    found = _look(cube)
    return _holder(cube, found) if found else None


def _free(cube: Place) -> bytes | None:
    """A dead lock as it stands, None where there is no lock. Raises RunError where it is alive."""
    while found := _look(cube):
        other = _holder(cube, found)
        if other.dead or other.id in _over:
            return found
        if not other.near:
            now = _watched(cube, found)
            if now == found:
                return found
            if now is None or _holder(cube, now).id != other.id:
                continue
        raise RunError(
            f"the cube at {cube} is held by {other}; wait for it, or end it: its lock expires {EXPIRY:g} s after its "
            "last beat"
        )
    return None


def _watched(cube: Place, found: bytes) -> bytes | None:
    """A lock once it is another than the one found, or after EXPIRY seconds."""
    now: bytes | None = found
    begun = clock.monotonic()
    while now == found and clock.monotonic() - begun < EXPIRY:
        clock.sleep(min(1.0, EXPIRY / 10))
        now = _look(cube)
    return now


def _look(cube: Place) -> bytes | None:
    try:
        return files.read(cube, LOCK) or None
    except FileNotFoundError:
        return None


def _holder(cube: Place, found: bytes) -> Holder:
    try:
        return Holder.of(found)
    except ValueError:
        raise RunError(f"{cube}/{LOCK} is damaged; see that no run is under way and delete that file") from None

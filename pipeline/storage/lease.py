"""The lease of a cube: one run at a time.

The holder writes itself into the cube's `lock.json`, and a thread raises the count in it every BEAT seconds. Another
process may take the cube over
- when the lock was given back,
- at once when the holder is a process of the same machine that has ended,
- when the holder is elsewhere or stopped by a signal, and the count has not changed for EXPIRY seconds by the monotonic
  clock of the process that waits.
No wall clock is compared, so clocks may jump or differ. A holder that was suspended until another took over raises in
its next `check`, and never overwrites the other's lock.

The count is needed in folders too: they may lie on network storage, where a `flock` need not be seen by other machines.
"""

import threading
import time as clock
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.errors import RunError, UserError
from pipeline.storage.files import Files
from pipeline.storage.holder import Holder
from pipeline.storage.location import Location

LOCK = "lock.json"
BEAT = 5.0
EXPIRY = 30.0

_released: set[str] = set()
"""Ids of leases that this process released but, in an outage, may not have deleted."""


class CubeHeld(RunError):
    """Another run holds the cube: the same command will do later."""


@dataclass(frozen=True)
class Lease:
    """A cube held by this process."""

    files: Files
    holder: Holder
    _ended: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raises RunError if this process does not hold the cube any more, or if storage does not answer."""
        if self._own_lock() is None:
            now = holder(self.files)
            raise RunError(
                f"the cube at {self.files.location} is held by {now or 'nobody'} now, for this run's lock was removed "
                f"or stood still for {EXPIRY:g} s; what is committed is kept, run again"
            )

    def hold_for(self, run: str) -> None:
        """Names another run in the lock. Raises as `check` does."""
        while own := self._own_lock():
            lock, now = own
            if self.files.swap(LOCK, lock, replace(now, run=run).text()):
                return
        self.check()

    @property
    def writable_files(self) -> Files:
        """The cube's files; what changes one of them raises as `check` does."""
        return _HeldFiles(self.files.location, self)

    def _own_lock(self) -> tuple[bytes, Holder] | None:
        """The lock as it stands, if it is this lease's."""
        lock = _read(self.files)
        now = lock and _parse(self.files, lock)
        return (lock, now) if lock and now and now.id == self.holder.id else None

    def _beat(self) -> None:
        """Raises the count until the lease ends, then deletes the lock; retries what fails."""
        while not self._ended.wait(BEAT):
            if self._replace(lambda now: replace(now, beat=now.beat + 1).text()):
                return
        while not self._replace(lambda now: None):
            clock.sleep(BEAT)

    def _replace(self, content: Callable[[Holder], bytes | None]) -> bool:
        """Writes what `content` makes of the lock; returns whether the lock is gone or another's by now."""
        with suppress(RunError, UserError, OSError):
            own = self._own_lock()
            if own is None:
                return True
            lock, now = own
            new = content(now)
            return self.files.swap(LOCK, lock, new) and new is None
        return False


@dataclass(frozen=True)
class _HeldFiles(Files):
    location: Location
    lease: Lease

    def exists(self, name: str) -> bool:
        return self.lease.files.exists(name)

    def read(self, name: str) -> bytes:
        return self.lease.files.read(name)

    def write(self, name: str, content: str | bytes) -> None:
        self.lease.check()
        self.lease.files.write(name, content)

    def swap(self, name: str, old: bytes | None, new: bytes | None) -> bool:
        self.lease.check()
        return self.lease.files.swap(name, old, new)

    def list(self, folder: str) -> list[str]:
        return self.lease.files.list(folder)

    def remove(self, name: str) -> None:
        self.lease.check()
        self.lease.files.remove(name)

    def scratch(self, name: str) -> Path:
        return self.lease.files.scratch(name)


@contextmanager
def hold(files: Files, run: str, name: str) -> Iterator[Lease]:
    """Holds a cube for a run of the region `name`.

    Waits up to EXPIRY seconds where the holder may be dead on another machine, or is stopped on this one. Raises
    CubeHeld where another run holds the cube, and RunError where storage does not answer or refuses.
    """
    own = Holder.here(run, name)
    begun = clock.monotonic()
    while not files.swap(LOCK, _free_lock(files), own.text()):
        if clock.monotonic() - begun > 2 * EXPIRY:
            raise RunError(
                f"{files.location}/{LOCK} cannot be written, although nobody holds the cube; see that the storage "
                "supports conditional writes (If-None-Match, If-Match), and run again"
            )
    lease = Lease(files, own)
    heart = threading.Thread(target=lease._beat, name="lease", daemon=True)
    heart.start()
    try:
        yield lease
    finally:
        _released.add(own.id)
        lease._ended.set()
        heart.join(BEAT)


def holder(files: Files) -> Holder | None:
    """The process that the lock names, alive or dead. Raises RunError."""
    lock = _read(files)
    return _parse(files, lock) if lock else None


def _free_lock(files: Files) -> bytes | None:
    """The lock of a dead holder as it stands; None where there is no lock. Raises CubeHeld if the holder is alive."""
    while lock := _read(files):
        other = _parse(files, lock)
        if other.dead or other.id in _released:
            return lock
        if other.near and not other.stopped:
            raise CubeHeld(f"the cube at {files.location} is held by {other}; wait for it, or end that process")
        now = _wait_for_change(files, lock)
        if now == lock:
            return lock
        if now is not None and _parse(files, now).id == other.id:
            raise CubeHeld(
                f"the cube at {files.location} is held by {other}; wait for it, or end it: its lock expires "
                f"{EXPIRY:g} s after its last beat"
            )
    return None


def _wait_for_change(files: Files, lock: bytes) -> bytes | None:
    """The lock as soon as it changes, or as it stands after EXPIRY seconds."""
    now: bytes | None = lock
    begun = clock.monotonic()
    while now == lock and clock.monotonic() - begun < EXPIRY:
        clock.sleep(min(1.0, EXPIRY / 10))
        now = _read(files)
    return now


def _read(files: Files) -> bytes | None:
    try:
        return files.read(LOCK) or None
    except FileNotFoundError:
        return None


def _parse(files: Files, lock: bytes) -> Holder:
    try:
        return Holder.of(lock)
    except ValueError:
        raise RunError(
            f"{files.location}/{LOCK} is damaged; see that no run is under way and delete that file"
        ) from None

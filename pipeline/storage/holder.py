"""Identifies the process that holds a cube uniquely across machines and reboots."""

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Holder:
    """A process and the run it holds a cube for.

    `boot` is the id of the machine's current boot, `namespace` the PID namespace of the process, `started` its start
    in clock ticks after boot. `since` (UTC) is for people. `beat` is the count that a live holder raises.
    """

    id: str
    host: str
    pid: int
    boot: str
    namespace: str
    started: str
    run: str
    name: str
    since: str
    beat: int = 0

    @staticmethod
    def here(run: str, name: str) -> "Holder":
        now, pid = datetime.now(UTC).isoformat(timespec="seconds"), os.getpid()
        return Holder(secrets.token_hex(16), socket.gethostname(), pid, *machine(), started(pid), run, name, now)

    @staticmethod
    def of(text: bytes) -> "Holder":
        """Raises ValueError for anything but what `text` writes."""
        try:
            holder = Holder(**json.loads(text))
        except (TypeError, RecursionError) as error:
            raise ValueError(str(error)) from None
        for field in fields(Holder):
            if type(getattr(holder, field.name)) is not field.type:
                raise ValueError(f"{field.name} is not of type {field.type}")
        return holder

    def text(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()

    @property
    def near(self) -> bool:
        """Whether the holder is of this boot and PID namespace, so that its pid can be looked up."""
        return bool(self.boot and self.namespace) and (self.boot, self.namespace) == machine()

    @property
    def dead(self) -> bool:
        """Whether the holder is known to have ended."""
        return self.near and started(self.pid) != self.started

    @property
    def stopped(self) -> bool:
        """Whether the holder is known to be suspended by a signal."""
        return self.near and _stat(self.pid)[:1] in (["T"], ["t"])

    def __str__(self) -> str:
        return f"run {self.run} of region {self.name} on host {self.host} (process {self.pid}) since {self.since}"


def machine() -> tuple[str, str]:
    """(boot id, PID namespace) of this process; empty where there is no /proc."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip(), str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return "", ""


def started(pid: int) -> str:
    """Start of a process in clock ticks after boot; empty for one that has ended."""
    stat = _stat(pid)
    return "" if not stat or stat[0] in "ZX" else stat[19]


def _stat(pid: int) -> list[str]:
    """State, and what follows it in /proc/PID/stat; empty for a process that has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []

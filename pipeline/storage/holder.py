"""Identifies the process that holds a cube uniquely across machines and reboots."""

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass
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
        """Raises ValueError."""
        try:
            return Holder(**json.loads(text))
        except TypeError as error:
            raise ValueError(str(error)) from None

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
    try:
        state, *more = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state in "ZX" else more[18]

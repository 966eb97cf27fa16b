"""Who holds a cube: a process, told from every other of the same number on any machine."""

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

    `boot` and `namespace` name the machine since it was started and the processes that its numbers are unique among,
    `started` is when the process began in the machine's own count. `since` (UTC) is for people. `beat` is raised as
    long as it lives.
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
        """Whether it is a process that this one can look for by its number."""
        return bool(self.boot and self.namespace) and (self.boot, self.namespace) == machine()

    @property
    def dead(self) -> bool:
        """Whether it is seen to have ended."""
        return self.near and started(self.pid) != self.started

    def __str__(self) -> str:
        return f"run {self.run} of region {self.name} on host {self.host} (process {self.pid}) since {self.since}"


def machine() -> tuple[str, str]:
    """This machine since it was started, and the namespace of this process's number; empty where nothing tells."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip(), str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return "", ""


def started(pid: int) -> str:
    """When a process began; empty for one that has ended."""
    try:
        state, *more = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state in "ZX" else more[18]

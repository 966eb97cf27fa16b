"""The memory of this machine, or of the container that this process is in."""

from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
)
"""Below CGROUPS, of version 2 and of 1: limit, usage, and the key in memory.stat of what of it is given back first."""


def machine_memory() -> int:
    """Bytes of memory of this machine, or the limit of its container where that is lower."""
    import psutil

    return min([int(psutil.virtual_memory().total), *(limit for limit, _ in _containers())])


def available_memory() -> int:
    """Bytes that may still be taken: of the memory of this machine, and of the limit of its container."""
    import psutil

    return max(0, min([int(psutil.virtual_memory().available), *(limit - usage for limit, usage in _containers())]))


def _containers() -> Iterator[tuple[int, int]]:
    """(limit, usage without cached files) of the control groups that limit this process, in bytes."""
    for limit, usage, cached in FILES:
        path = CGROUPS / limit
        if path.is_file() and (most := path.read_text().strip()) != "max":
            stat = dict(line.split() for line in path.with_name("memory.stat").read_text().splitlines())
            yield int(most), int((CGROUPS / usage).read_text()) - int(stat.get(cached, 0))

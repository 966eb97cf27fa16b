"""The memory of a process, in MiB."""

from pathlib import Path


def resident_mb(process: int | str = "self") -> float:
    return _field(process, "VmRSS:")


def peak_mb(process: int | str = "self") -> float:
    """The most it has held; `ru_maxrss` begins, in a child process, with what its parent held."""
    return _field(process, "VmHWM:")


def _field(process: int | str, name: str) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024

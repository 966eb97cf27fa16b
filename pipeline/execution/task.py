"""What a worker is asked to do and what it answers."""

from dataclasses import dataclass

import icechunk

from pipeline.geometry.grid import BlockId


@dataclass(frozen=True)
class Task:
    """A block to do: `fork` is the driver's session, forked and pickled; `snapshot` holds the mosaic that `segment`
    reads."""

    block: BlockId
    scenes: tuple[str, ...]
    time: int
    fork: bytes
    snapshot: str = ""


@dataclass(frozen=True)
class Done:
    """A finished block: the fork with its changes, scenes that were lost and why, the clear observations of its median
    pixel (of a mosaic), whether anything was seen, seconds of each step."""

    block: BlockId
    fork: icechunk.ForkSession
    lost: dict[str, str]
    clear: int
    seen: bool
    seconds: dict[str, float]


def run_folder(run: str) -> str:
    """Where in the cube a run keeps its region, its scenes and its report."""
    return f"runs/{run}"

"""Messages between the driver of a run and its workers, and the totals of what the workers did."""

from collections import Counter
from dataclasses import dataclass, field

import icechunk

from pipeline.change.parts import WHOLE
from pipeline.change.verdict import Verdict
from pipeline.geometry.grid import BlockId, Window


@dataclass(frozen=True)
class Task:
    """One stage of a block to do.

    scenes: ids of the scenes to mosaic. time: index of the period. fork: the driver's session, forked and pickled.
    snapshot: the snapshot whose mosaic is segmented or screened. source: what it is screened against, or copied from.
    with_landcover: whether a copy takes the map over too. ground: see `BlockPlan`.
    """

    block: BlockId
    scenes: tuple[str, ...]
    time: int
    fork: bytes
    snapshot: str = ""
    source: "Source | None" = None
    with_landcover: bool = False
    ground: tuple[Window, ...] = ()


@dataclass(frozen=True)
class Source:
    """A period of a snapshot, by its index along time.

    A block is copied from it as a whole; or where `rest` is given, the `parts` of its mosaic (see `change.parts`), and
    all else from `rest`.
    """

    snapshot: str
    time: int
    parts: int = WHOLE
    rest: "Source | None" = None


@dataclass(frozen=True)
class BlockResult:
    """What a worker returns for a task.

    fork: the session with the block's shards. lost: ids of scenes that could not be read, with the reason. clear: clear
    observations of the block's median pixel (mosaic stage only). observed: whether any pixel has a value. seconds: of
    each step. verdict: of a screening. copied: the state of a block that was copied.
    """

    block: BlockId
    fork: icechunk.ForkSession
    lost: dict[str, str]
    clear: int
    observed: bool
    seconds: dict[str, float]
    verdict: Verdict | None = None
    copied: int | None = None


@dataclass
class Work:
    """Totals of what the workers of a run did.

    blocks: number of blocks by stage. seconds: worker seconds by "stage.step". lost: by block, the scenes that could
    not be read, with the reason.
    """

    blocks: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    lost: dict[BlockId, dict[str, str]] = field(default_factory=dict)

    def add(self, stage: str, result: BlockResult) -> None:
        """Adds the result of a stage of a block."""
        self.blocks[stage] += 1
        self.seconds.update({f"{stage}.{step}": seconds for step, seconds in result.seconds.items()})
        if stage == "mosaic" and result.lost:
            self.lost[result.block] = result.lost

    def __iadd__(self, other: "Work") -> "Work":
        self.blocks.update(other.blocks)
        self.seconds.update(other.seconds)
        self.lost |= other.lost
        return self


def run_folder(run: str) -> str:
    """The folder in the cube where a run keeps its region, scenes and report."""
    return f"runs/{run}"

"""A chunk of a cube that cannot be read, and its place in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pipeline.cube.schema import BLOCKS_PER_CHUNK, CHANGES, Layout
from pipeline.cube.store import path_of
from pipeline.errors import RunError

NOT_HEALABLE = "no run makes it again: roll back to an older version, or restore the cube from a copy"


@dataclass(frozen=True)
class Damage:
    """A damaged chunk.

    array: its path. chunk: indices of the shard, or of the chunk of an array without shards. why: in words.
    """

    array: str
    chunk: tuple[int, ...]
    why: str

    @property
    def is_healable(self) -> bool:
        """Whether a run makes it again: not coordinates, nor the change layer, which holds what earlier updates saw."""
        return len(self.chunk) >= 3 and self.array not in map(path_of, CHANGES)

    def slots(self, layout: Layout) -> tuple[slice, slice] | None:
        """Rows and columns, from 0, of the blocks that the chunk belongs to; None for a coordinate."""
        if len(self.chunk) < 3:
            return None
        folder, _, _ = self.array.partition("/")
        side, (y, x) = (
            (BLOCKS_PER_CHUNK, self.chunk[1:3]) if folder == "blocks" else (2 ** int(folder), self.chunk[-2:])
        )
        rows, cols = layout.extent.block_range.shape
        return slice(y * side, min((y + 1) * side, rows)), slice(x * side, min((x + 1) * side, cols))

    def place(self, layout: Layout, starts: Sequence[date]) -> str:
        """Such as "landcover, block (7, 3), period from 2024-05-01"; the level is said of coarser ones alone."""
        slots, name = self.slots(layout), self.array.removeprefix("0/")
        if slots is None:
            return name
        top, left = layout.extent.block_range.y0, layout.extent.block_range.x0
        rows, cols = slots
        first, last = (top + rows.start, left + cols.start), (top + rows.stop - 1, left + cols.stop - 1)
        blocks = f"block {first}" if first == last else f"blocks {first} to {last}"
        time = self.chunk[0]
        period = f"period from {starts[time]}" if time < len(starts) else f"period {time + 1}"
        return f"{name}, {blocks}, {period}"


class DamagedChunk(RunError):
    """A chunk that was read is damaged or missing."""

    def __init__(self, damage: Damage, place: str) -> None:
        mend = (
            "'idgbr check CUBE --heal' makes what is damaged due again, and the next run maps it anew"
            if damage.is_healable
            else NOT_HEALABLE
        )
        super().__init__(f"a part of the cube is damaged: {place} ({damage.why}); {mend}")
        self.damage, self.place = damage, place

    def __reduce__(self) -> tuple[type["DamagedChunk"], tuple[Damage, str]]:
        return DamagedChunk, (self.damage, self.place)

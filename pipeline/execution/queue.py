"""Which block is next: mosaics as land cover needs them, and land cover once the mosaics that it sees are there."""

from collections import deque
from collections.abc import Callable, Iterator

from pipeline.geometry.grid import BlockId
from pipeline.planning.blocks import BlockPlan

MOST = 1024
"""Blocks that may wait for one stage before the other stops to feed it."""


class Feed:
    """Draws on a stream of blocks, never further than the stages need: what it holds is a few rows of them.

    The first land cover waits for four mosaics, not for a row of them. `seen_by` are the blocks whose mosaics a block's
    land cover depends on. `due` tells, once these are there, whether its land cover is to be made. `held_back` counts
    land covers that cannot be made.
    """

    def __init__(
        self,
        stream: Iterator[BlockPlan],
        seen_by: Callable[[BlockId], list[BlockId]],
        due: Callable[[BlockPlan], bool],
    ) -> None:
        self._stream, self._seen_by, self._due = stream, seen_by, due
        self._arrived: deque[tuple[BlockPlan, list[BlockId]]] = deque()
        self._unneeded: dict[BlockId, BlockPlan] = {}
        self._mosaics: deque[BlockPlan] = deque()
        self._open: set[BlockId] = set()
        self._behind: dict[BlockId, list[BlockId]] = {}
        self._lacking: dict[BlockId, tuple[BlockPlan, set[BlockId]]] = {}
        self._ready: deque[BlockPlan] = deque()
        self._failed: set[BlockId] = set()
        self.held_back = 0
        self._ended = False

    def mosaic(self) -> BlockPlan | None:
        """The next block to mosaic; None where there is none, or enough of them are ahead of the land cover."""
        while not self._mosaics and not self._ended and len(self._ready) < MOST:
            self._draw()
        return self._mosaics.popleft() if self._mosaics and len(self._ready) < MOST else None

    def segment(self) -> BlockPlan | None:
        """The next block whose land cover can be made; None where there is none now."""
        while not self._ready and not self._ended and len(self._mosaics) < MOST and not self._open:
            self._draw()
        return self._ready.popleft() if self._ready else None

    @property
    def waiting(self) -> dict[str, int]:
        """Blocks that could be given out now, by stage."""
        return {"mosaic": len(self._mosaics), "segment": len(self._ready)}

    def frees(self, blocks: set[BlockId]) -> bool:
        """Whether a land cover waits for the mosaics of these blocks alone."""
        behind = (self._lacking.get(waiting) for block in blocks for waiting in self._behind.get(block, ()))
        return any(lacking is not None and lacking[1] <= blocks for lacking in behind)

    def made(self, block: BlockId) -> None:
        """A block's mosaic can be read."""
        self._open.discard(block)
        for waiting in self._behind.pop(block, ()):
            if waiting in self._lacking:
                plan, lacks = self._lacking[waiting]
                lacks.discard(block)
                if not lacks:
                    del self._lacking[waiting]
                    self._settle(plan)

    def failed(self, block: BlockId) -> None:
        """A block's mosaic cannot be made: `held_back` are the land covers that see it."""
        self._open.discard(block)
        self._failed.add(block)
        for waiting in self._behind.pop(block, ()):
            if self._lacking.pop(waiting, None):
                self.held_back += 1

    def _draw(self) -> None:
        plan = next(self._stream, None)
        if plan is None:
            self._ended = True
        else:
            self._arrived.append((plan, self._seen_by(plan.block)))
            if plan.mosaic_due:
                self._unneeded[plan.block] = plan
                self._open.add(plan.block)
        # The stream goes row by row, so when it has passed the last block that another sees, all that are due are open.
        while self._arrived and (plan is None or self._arrived[0][1][-1] <= plan.block):
            first, seen = self._arrived.popleft()
            self._mosaics.extend(self._unneeded.pop(each) for each in seen if each in self._unneeded)
            lacks = self._open.intersection(seen)
            if self._failed and self._failed.intersection(seen):
                self.held_back += 1
            elif not lacks:
                self._settle(first)
            else:
                self._lacking[first.block] = first, lacks
                for each in lacks:
                    self._behind.setdefault(each, []).append(first.block)

    def _settle(self, plan: BlockPlan) -> None:
        if self._due(plan):
            self._ready.append(plan)

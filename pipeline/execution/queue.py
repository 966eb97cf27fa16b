"""The order of blocks: mosaics as segmentation needs them, and a segmentation once all mosaics it sees are
committed."""

from collections import deque
from collections.abc import Callable, Iterator

from pipeline.geometry.grid import BlockId
from pipeline.planning.blocks import BlockPlan

MAX_READY = 1024
"""Blocks that may be ready for one stage before the queue stops drawing for the other."""


class BlockQueue:
    """Lazy queue over a stream of blocks in row order.

    It draws no further than the two stages need, so it holds a few rows of blocks. Mosaics come in the order in which
    segmentations need them: the first segmentation waits for four mosaics, not for two rows of them. `seen_by` gives
    the blocks whose mosaics the segmentation of a block reads, in row order. Without `segments` no block becomes ready
    for segmentation. `held_back` counts the blocks that cannot be segmented because a mosaic that they see has failed.
    """

    def __init__(
        self, stream: Iterator[BlockPlan], seen_by: Callable[[BlockId], list[BlockId]], segments: bool = True
    ) -> None:
        self._stream, self._seen_by, self._segments = stream, seen_by, segments
        self._drawn: deque[tuple[BlockPlan, list[BlockId]]] = deque()
        self._unordered: dict[BlockId, BlockPlan] = {}
        self._mosaics: deque[BlockPlan] = deque()
        self._uncommitted: set[BlockId] = set()
        self._dependents: dict[BlockId, list[BlockId]] = {}
        self._blocked: dict[BlockId, tuple[BlockPlan, set[BlockId]]] = {}
        self._segmentations: deque[BlockPlan] = deque()
        self._failed: set[BlockId] = set()
        self._degraded: set[BlockId] = set()
        self._exhausted = False
        self.held_back = 0

    def next_mosaic(self) -> BlockPlan | None:
        """The next block to mosaic; None if there is none, or if enough blocks are ready for segmentation."""
        while not self._mosaics and not self._exhausted and len(self._segmentations) < MAX_READY:
            self._draw()
        return self._mosaics.popleft() if self._mosaics and len(self._segmentations) < MAX_READY else None

    def next_segmentation(self) -> BlockPlan | None:
        """The next block to segment; None if none is ready now.

        These are the blocks whose land cover is due, and those that see a mosaic committed as degraded in this run:
        whether their land cover has become due is for the caller to find out.
        """
        while not (self._segmentations or self._uncommitted or self._exhausted) and len(self._mosaics) < MAX_READY:
            self._draw()
        return self._segmentations.popleft() if self._segmentations else None

    @property
    def ready(self) -> dict[str, int]:
        """Number of blocks that are ready now, by stage."""
        return {"mosaic": len(self._mosaics), "segment": len(self._segmentations)}

    def unblocks(self, mosaics: set[BlockId]) -> bool:
        """Whether committing these mosaics would make a block ready for segmentation."""
        blocked = (self._blocked.get(block) for mosaic in mosaics for block in self._dependents.get(mosaic, ()))
        return any(entry is not None and entry[1] <= mosaics for entry in blocked)

    def mosaic_committed(self, block: BlockId, degraded: bool = False) -> None:
        """Records that a block's mosaic can be read; `degraded`: it lacks a scene that could not be read."""
        self._uncommitted.discard(block)
        if degraded:
            self._degraded.add(block)
        for dependent in self._dependents.pop(block, ()):
            if dependent in self._blocked:
                plan, missing = self._blocked[dependent]
                missing.discard(block)
                if not missing:
                    del self._blocked[dependent]
                    self._release(plan)

    def mosaic_failed(self, block: BlockId) -> None:
        """Records that a block's mosaic cannot be made, and holds back the blocks that see it."""
        self._uncommitted.discard(block)
        self._failed.add(block)
        for dependent in self._dependents.pop(block, ()):
            if self._blocked.pop(dependent, None):
                self.held_back += 1

    def _draw(self) -> None:
        plan = next(self._stream, None)
        if plan is None:
            self._exhausted = True
        else:
            self._drawn.append((plan, self._seen_by(plan.block)))
            if plan.mosaic_due:
                self._unordered[plan.block] = plan
                self._uncommitted.add(plan.block)
        # The stream is in row order: once it has passed the last block that another sees, all of these are known.
        while self._drawn and (plan is None or self._drawn[0][1][-1] <= plan.block):
            first, seen = self._drawn.popleft()
            self._mosaics.extend(self._unordered.pop(each) for each in seen if each in self._unordered)
            missing = self._uncommitted.intersection(seen)
            if self._failed and self._failed.intersection(seen):
                self.held_back += 1
            elif not missing:
                self._release(first)
            else:
                self._blocked[first.block] = first, missing
                for each in missing:
                    self._dependents.setdefault(each, []).append(first.block)

    def _release(self, plan: BlockPlan) -> None:
        if not self._segments:
            return
        if plan.landcover_due or (self._degraded and self._degraded.intersection(self._seen_by(plan.block))):
            self._segmentations.append(plan)

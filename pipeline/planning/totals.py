"""Totals of the blocks of a plan: how many of each kind, and what is due."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from idgbr.inference.tiling import WindowLattice
from pipeline.geometry.grid import BlockId
from pipeline.planning.blocks import BlockPlan
from pipeline.planning.plan import Plan
from pipeline.segment.block import parts_that_see

COUNT_EVERY = 1000
Count = Callable[[str, int], None]
"""Takes what is counted and how many so far."""


@dataclass
class Totals:
    """Counts of blocks by kind (new, changed, same) and of the work that is due.

    views: passes over all mosaics that are due. bytes: decoded size of these views at the grid's resolution.
    windows: inference windows. busiest: the block due with the most passes, and its number of passes.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    to_mosaic: int = 0
    to_segment: int = 0
    views: int = 0
    bytes: int = 0
    windows: int = 0
    busiest: tuple[BlockId, int] | None = None

    @property
    def blocks(self) -> int:
        return self.kinds.total()

    @property
    def due(self) -> bool:
        """Whether any block is due."""
        return self.to_mosaic + self.to_segment > 0

    def add(self, block: BlockPlan, plan: Plan) -> None:
        """Counts one block of the plan."""
        covered = plan.extent.covered(block.block)
        self.kinds[block.kind] += 1
        if block.mosaic_due:
            rows, cols = covered.shape
            bytes_per_pixel = 2 * len(plan.bands) + 1
            self.to_mosaic += 1
            self.views += block.passes
            self.bytes += block.passes * rows * cols * bytes_per_pixel
            if self.busiest is None or block.passes > self.busiest[1]:
                self.busiest = block.block, block.passes
        if block.landcover_due and plan.model is not None:
            settings = plan.settings
            lattice = WindowLattice(settings.window, settings.overlap)
            parts = parts_that_see(settings, covered, block.ground) if block.ground else [covered]
            canvases = [part.pad(settings.boundary_radius) for part in parts]
            self.to_segment += 1
            self.windows += sum(lattice.count((canvas.y0, canvas.x0), canvas.shape) for canvas in canvases)


def block_totals(plan: Plan, count: Count | None = None) -> Totals:
    """Totals of all blocks of a plan."""
    result = Totals()
    for block in counted(plan.blocks(), count):
        result.add(block, plan)
    return result


def counted(blocks: Iterator[BlockPlan], count: Count | None) -> Iterator[BlockPlan]:
    """The blocks; `count` is told now and then how many were "planned" so far."""
    for number, block in enumerate(blocks, start=1):
        if count is not None and number % COUNT_EVERY == 0:
            count("planned", number)
        yield block

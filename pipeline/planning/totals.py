"""What a run has before it, added up from the stream of its blocks."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.geometry.grid import BlockId
from pipeline.planning.blocks import BlockPlan
from pipeline.planning.plan import Plan
from pipeline.segment.lattice import count


@dataclass
class Survey:
    """Blocks by kind and what is due of them.

    `views`: pictures of a block that mosaics are made of, one a pass. `bytes`: what reading these comes to, decoded, at
    the grid's resolution. `windows`: inference windows. `busiest`: the block of most passes that is due, and how many.
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
        return self.to_mosaic + self.to_segment > 0


def surveyed(plan: Plan, survey: Survey) -> Iterator[BlockPlan]:
    """The plan's blocks, added to `survey` as they pass."""
    settings, extent = plan.model.settings, plan.extent
    a_pixel = 2 * len(settings.bands) + 1
    for block in plan.blocks():
        survey.kinds[block.kind] += 1
        covered = extent.covered(block.block)
        if block.mosaic_due:
            survey.to_mosaic += 1
            survey.views += block.passes
            rows, cols = covered.shape
            survey.bytes += block.passes * rows * cols * a_pixel
            if survey.busiest is None or block.passes > survey.busiest[1]:
                survey.busiest = block.block, block.passes
        if block.landcover_due:
            survey.to_segment += 1
            survey.windows += count(
                covered.pad(settings.boundary_radius), settings.window, settings.window - settings.overlap
            )
        yield block


def survey(plan: Plan) -> Survey:
    total = Survey()
    for _ in surveyed(plan, total):
        pass
    return total

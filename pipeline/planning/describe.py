"""Description of a plan: what `idgbr plan` prints, as a typed result and as a table."""

from dataclasses import dataclass

from pipeline.console.html import Tabular
from pipeline.console.tables import listing, number_of, print_table
from pipeline.geometry.grid import BlockId
from pipeline.planning.estimate import estimate, latest_cost
from pipeline.planning.memory import worker_memory
from pipeline.planning.plan import Plan
from pipeline.planning.totals import Count, Totals, counted
from pipeline.scenes.news import SceneNews

FULLY_COVERED = 0.9999


@dataclass(frozen=True)
class BlockDescription:
    """A block of the stream. covered: share of its ground that scenes cover. clear_views: expected number."""

    block: BlockId
    kind: str
    scenes: tuple[str, ...]
    fingerprint: str
    covered: float
    clear_views: float


@dataclass(frozen=True)
class PlanDescription(Tabular):
    """A plan in numbers.

    run: id of the run, None for a region without a model, of which no run is. query: what properties of the scenes must
    be. blocks: count by kind. views: passes over all blocks to mosaic. windows: inference windows. estimate: fields of
    `Estimate`, None before a run of the cube has measured its cost. busiest: the block due with the most passes, and
    their number. uncovered: blocks not fully covered by scenes. clear_views: the fewest of any block. left_out: reason
    by item. news: of scenes, since the newest version. passes: expected from the orbits and found. stream: the blocks
    in the order of the run.
    """

    run: str | None
    query: list[str]
    scenes: list[str]
    news: SceneNews
    blocks: dict[str, int]
    to_mosaic: int
    to_segment: int
    views: int
    gb_to_read: float
    windows: int
    estimate: dict[str, float | None] | None
    memory_per_worker_mb: dict[str, int]
    busiest: tuple[BlockId, int] | None
    region_km2: float
    uncovered: list[BlockId]
    clear_views: float
    left_out: dict[str, str]
    passes: dict[str, int]
    warnings: list[str]
    stream: list[BlockDescription]


def describe(
    plan: Plan,
    workers: int = 1,
    mosaic_workers: int = 0,
    price_per_worker_hour: float | None = None,
    count: Count | None = None,
) -> PlanDescription:
    """Walks the plan's blocks once; `count` as in `counted`."""
    totals, stream = Totals(), []
    for block in counted(plan.blocks(), count):
        totals.add(block, plan)
        coverage = plan.coverage(block.block)
        stream.append((block, coverage))
    cost = latest_cost(plan.cube) if plan.cube else None
    memory = worker_memory(plan, totals)
    return PlanDescription(
        run=None if plan.model is None else plan.run,
        query=[str(comparison) for comparison in plan.region.where],
        scenes=[scene.id for scene in plan.scenes],
        news=plan.news,
        blocks={kind: totals.kinds[kind] for kind in ("new", "changed", "same")},
        to_mosaic=totals.to_mosaic,
        to_segment=totals.to_segment,
        views=totals.views,
        gb_to_read=round(totals.bytes / 1e9, 3),
        windows=totals.windows,
        estimate=None
        if cost is None
        else estimate(totals, cost, workers, mosaic_workers, price_per_worker_hour).rounded(),
        memory_per_worker_mb={"mosaic": round(memory.mosaic / 1e6), "segment": round(memory.segment / 1e6)},
        busiest=totals.busiest,
        region_km2=round(plan.region_km2, 4),
        uncovered=[block.block for block, coverage in stream if coverage.share < FULLY_COVERED],
        clear_views=round(min((coverage.clear for _, coverage in stream), default=0), 2),
        left_out=plan.selection.exclusions,
        passes={"expected": sum(p.expected for p in plan.passes), "found": sum(p.found for p in plan.passes)},
        warnings=plan.warnings,
        stream=[
            BlockDescription(
                block.block,
                block.kind,
                block.scenes,
                f"{block.landcover:016x}",
                round(coverage.share, 4),
                round(coverage.clear, 2),
            )
            for block, coverage in stream
        ],
    )


def print_description(plan: PlanDescription) -> None:
    """Prints all but the stream; of long lists the number and the first entries."""
    print_table("plan", rows_of(plan))


def rows_of(plan: PlanDescription) -> list[tuple[str, str]]:
    """Rows of (quantity, value) of all but the stream; of long lists the number and the first entries."""
    kinds, memory, passes = plan.blocks, plan.memory_per_worker_mb, plan.passes
    views, windows = number_of(plan.views, "view"), number_of(plan.windows, "window")
    return [
        ("run", plan.run or "none, for the region names no model"),
        *([("query", " and ".join(plan.query))] if plan.query else []),
        ("scenes", listing(plan.scenes)),
        ("scenes since the map", scenes_since(plan.news)),
        ("blocks", ", ".join(f"{number} {kind}" for kind, number in kinds.items())),
        (
            "to mosaic",
            f"{number_of(plan.to_mosaic, 'block')} from {views}, {plan.gb_to_read:,.3f} GB to read",
        ),
        *([("to segment", f"{number_of(plan.to_segment, 'block')} in {windows}")] if plan.run else []),
        ("estimate", _estimate(plan.estimate)),
        ("memory per worker", ", ".join(f"{stage} {size:,} MB" for stage, size in memory.items() if size)),
        *([("busiest block", f"{plan.busiest[0]} with {plan.busiest[1]} passes")] if plan.busiest else []),
        ("region", f"{plan.region_km2:,.2f} km2"),
        ("not fully covered", listing(plan.uncovered)),
        ("fewest clear views", f"{plan.clear_views:.2f} of a block"),
        ("passes", f"{passes['found']} found of {passes['expected']} expected from the orbits"),
        ("left out", listing([f"{name}: {reason}" for name, reason in plan.left_out.items()], 1)),
        ("warnings", listing(plan.warnings, 1)),
    ]


def scenes_since(news: SceneNews) -> str:
    """News of scenes in words."""
    parts = {"new": news.new, "reprocessed": news.reprocessed, "withdrawn": news.withdrawn}
    return "; ".join(f"{what} {listing(names, 2)}" for what, names in parts.items() if names) or "none"


def _estimate(fields: dict[str, float | None] | None) -> str:
    if fields is None:
        return "unknown before a first run of the cube has measured its cost"
    return ", ".join(f"{name.replace('_', ' ')} {value:,g}" for name, value in fields.items() if value is not None)

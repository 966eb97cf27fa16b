"""What `idgbr plan` tells of a plan."""

from typing import Any

from pipeline.console.tables import table
from pipeline.cube import store
from pipeline.planning.estimate import estimate, known_cost
from pipeline.planning.memory import worker_bytes
from pipeline.planning.plan import Plan
from pipeline.planning.totals import Survey, surveyed

SHOWN = 6


def facts(planned: Plan, workers: int = 1, helpers: int = 0, price: float | None = None) -> dict[str, Any]:
    """A plan as JSON-able facts; "stream" holds the blocks that a run would work on, in its order."""
    total = Survey()
    blocks = [(block, planned.coverage(block.block)) for block in surveyed(planned, total)]
    cube = planned.region.cube
    cost = known_cost(store.repository(cube)) if store.exists(cube) else None
    mosaic, segment = worker_bytes(planned, total)
    return {
        "run": planned.run,
        "scenes": [scene.id for scene in planned.scenes],
        "blocks": {kind: total.kinds[kind] for kind in ("new", "changed", "same")},
        "to_mosaic": total.to_mosaic,
        "to_segment": total.to_segment,
        "views": total.views,
        "gb_to_read": round(total.bytes / 1e9, 3),
        "windows": total.windows,
        "estimate": None if cost is None else estimate(total, cost, workers, helpers, price).rounded(),
        "memory_per_worker_mb": {"mosaic": round(mosaic / 1e6), "segment": round(segment / 1e6)},
        "busiest": total.busiest,
        "region_km2": round(planned.region_km2, 4),
        "uncovered": [b.block for b, c in blocks if c.share < 0.9999],
        "clear_views": round(min((c.clear for _, c in blocks), default=0), 2),
        "left_out": planned.selection.exclusions,
        "passes": {"expected": sum(p.expected for p in planned.passes), "found": sum(p.found for p in planned.passes)},
        "warnings": sorted(decision.why for decision in planned.decisions.values()),
        "stream": [
            {
                "block": b.block,
                "kind": b.kind,
                "scenes": b.scenes,
                "fingerprint": f"{b.landcover:016x}",
                "covered": round(c.share, 4),
                "clear_views": round(c.clear, 2),
            }
            for b, c in blocks
        ],
    }


def show(found: dict[str, Any]) -> None:
    """Prints `facts` but for the stream; of what was left out, and of warnings, how many and the first."""
    lists = {
        "left_out": [f"{name}: {why}" for name, why in found["left_out"].items()],
        "warnings": found["warnings"],
    }
    table(
        "plan",
        [
            *(
                (what, _short(value))
                for what, value in found.items()
                if what not in lists and what != "stream" and value is not None
            ),
            *(
                [("estimate", "none before a first run has measured what a block takes")]
                if not found["estimate"]
                else []
            ),
            *((what, f"{len(told)}, the first: {told[0]}" if told else "none") for what, told in lists.items()),
        ],
    )


def _short(value: Any) -> str:
    if value is None:
        return "not known before a first run"
    if isinstance(value, list) and len(value) > SHOWN:
        return f"{len(value)}: {', '.join(map(str, value[:SHOWN]))} ..."
    return str(value)

"""What `idgbr plan` tells of a plan."""

from collections import Counter
from typing import Any

from pipeline.planner import Plan
from pipeline.show import table

SHOWN = 6


def facts(planned: Plan) -> dict[str, Any]:
    """A plan as JSON-able facts; "stream" holds the blocks that a run would work on, in its order."""
    blocks = list(planned.blocks())
    covered = [planned.coverage(b.block) for b in blocks]
    kinds = Counter(block.kind for block in blocks)
    return {
        "run": planned.run,
        "scenes": [scene.id for scene in planned.scenes],
        "blocks": {kind: kinds[kind] for kind in ("new", "changed", "same")},
        "to_mosaic": sum(block.mosaic_due for block in blocks),
        "to_segment": sum(block.landcover_due for block in blocks),
        "region_km2": round(planned.region_km2, 4),
        "uncovered": [b.block for b, c in zip(blocks, covered, strict=True) if c.share < 0.9999],
        "clear_views": round(min((c.clear for c in covered), default=0), 2),
        "left_out": planned.selection.left,
        "passes": {"expected": sum(p.expected for p in planned.passes), "found": sum(p.found for p in planned.passes)},
        "warnings": sorted(decision.why for decision in planned.decisions.values()),
        "memory_per_worker_mb": round(planned.memory / 1e6),
        "stream": [
            {
                "block": b.block,
                "kind": b.kind,
                "scenes": b.scenes,
                "fingerprint": f"{b.landcover:016x}",
                "covered": round(c.share, 4),
                "clear_views": round(c.clear, 2),
            }
            for b, c in zip(blocks, covered, strict=True)
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
            *((what, _short(value)) for what, value in found.items() if what not in lists and what != "stream"),
            *((what, f"{len(told)}, the first: {told[0]}" if told else "none") for what, told in lists.items()),
        ],
    )


def _short(value: Any) -> str:
    if isinstance(value, list) and len(value) > SHOWN:
        return f"{len(value)}: {', '.join(map(str, value[:SHOWN]))} ..."
    return str(value)

"""What the seconds of the device went on, and how they would grow with the changes of the land."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from pipeline.change.outcome import Outcome
from pipeline.config.region import Region
from year.judge import Alarm, Versions

Block = tuple[int, int]

TRULY, FIRST_SEEN, UNASKED, BETTER = "change", "unseen", "unasked", "better views"
DENSITIES = 0.005, 0.01, 0.02, 0.05, 0.1
"""Changed blocks to a square kilometre."""
TEN = 10


def costs(rows: list[dict]) -> dict:
    """Seconds of the device after the first map. Those of mapping everything are the blocks that were due each evening,
    times the mean seconds of a block on the evenings on which everything was mapped."""
    later = rows[1:]
    measured = [row for row in later if row["everything_s"] is not None and row["everything_blocks"]]
    screen, mapped = (sum(row[name] for row in later) for name in ("screen_s", "map_s"))
    result = {
        "block_evenings": {name: sum(row[name] for row in later) for name in ("due", "asked", "went", "unasked")},
        "screen_seconds": round(screen, 1),
        "map_seconds": round(mapped, 1),
    }
    result["block_evenings"]["mapped"] = sum(row["mapped"] for row in later)
    if measured:
        each = sum(row["everything_s"] for row in measured) / sum(row["everything_blocks"] for row in measured)
        whole = each * result["block_evenings"]["due"]
        result |= {
            "everything_measured_on": len(measured),
            "everything_seconds_a_block": round(each, 3),
            "everything_seconds": round(whole, 1),
            "ratio": round(whole / max(screen + mapped, 1e-9), 2),
        }
    return result


def spent(region: Region, rows: list[dict], found: Sequence[Alarm]) -> dict[str, float]:
    """Seconds of mapping after the first map, by why the blocks went on: the cause of an alarm, "unasked" or "better
    views"."""
    total: Counter[str] = Counter()
    for row, causes in _went_on(region, rows, found):
        total += shared({_block(name): seconds for name, seconds in row["block_s"].items()}, causes)
    return {cause: round(seconds, 1) for cause, seconds in total.most_common()}


def shared(seconds: dict[Block, float], causes: dict[Block, str]) -> Counter[str]:
    """Seconds of blocks by cause. Those of a block that is mapped only for what it sees of its neighbours are shared
    equally by those of them that went on."""
    total: Counter[str] = Counter()
    for (y, x), value in seconds.items():
        near = [causes[by, bx] for by, bx in causes if max(abs(by - y), abs(bx - x)) == 1]
        for cause in [causes[y, x]] if (y, x) in causes else near:
            total[cause] += value if (y, x) in causes else value / len(near)
    return total


def extrapolated(result: dict, by_cause: dict[str, float], alarms: dict[str, int], km2: float) -> dict:
    """An estimate: how often fewer seconds than mapping everything, by changed blocks to a square kilometre in these
    evenings, if asking costs what it did, a changed block what it cost here with its strips, and nothing else is
    mapped; `ten`: the density at which it is ten times, None where asking alone costs more than a tenth."""
    if not alarms.get(TRULY) or "everything_seconds" not in result:
        return {}
    each, asking, whole = by_cause[TRULY] / alarms[TRULY], result["screen_seconds"], result["everything_seconds"]
    ten = (whole / TEN - asking) / each / km2
    return {
        "seconds_a_changed_block": round(each, 3),
        "here": round(alarms[TRULY] / km2, 4),
        "ratio": {density: round(whole / max(asking + density * km2 * each, 1e-9), 1) for density in (0.0, *DENSITIES)},
        "ten": round(ten, 4) if ten > 0 else None,
    }


def _went_on(region: Region, rows: list[dict], found: Sequence[Alarm]) -> Iterator[tuple[dict, dict[Block, str]]]:
    """Of each evening but the first that made a version: why blocks went on."""
    versions, blocks = Versions(region), list(region.extent.blocks())
    for last, row in pairwise(rows):
        if last["version"] == row["version"]:
            continue
        causes = {alarm.block: alarm.cause for alarm in found if alarm.evening == row["number"]}
        new_YX = versions.blocks(last["version"], "mosaic") != versions.blocks(row["version"], "mosaic")
        outcome_YX = versions.blocks(row["version"], "outcome")
        for block in blocks:
            slot = region.extent.slot(block)
            if new_YX[slot] and block not in causes:
                causes[block] = BETTER if outcome_YX[slot] == Outcome.BETTER_VIEWS else UNASKED
        yield row, causes


def _block(name: str) -> Block:
    y, x = name.split(",")
    return int(y), int(x)

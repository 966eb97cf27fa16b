"""The figures of a year, and how they are printed."""

from collections import Counter
from itertools import pairwise
from statistics import median

import numpy as np

from pipeline.config.region import Region
from pipeline.cube.open import open_cube
from year.ground import Ground
from year.judge import Alarm, Event, Versions, alarms, events, exact_interval, kept


def judged(
    gated: Region, everything: Region, truth: Ground, rows: list[dict], pixels: int
) -> tuple[dict, tuple[list[Alarm], list[Event]]]:
    """All figures as they are written to a file, and what they count."""
    found = alarms(gated, truth, rows, pixels)
    result = {"evenings": len(rows) - 1, "blocks": len(list(gated.extent.blocks())), **costs(rows)}
    causes = Counter(alarm.cause for alarm in found)
    result |= {"alarms": dict(causes), "false_alarms": sum(causes.values()) - causes["change"]}
    changes: list[Event] = []
    if rows[-1]["whole"] is not None:
        whole_HW = Versions(everything).pixels(rows[-1]["whole"], "last_clear")
        versions = Versions(gated)
        known = (versions.pixels(row["version"], "last_clear") for row in rows)
        changes = events(truth, rows, known, whole_HW, pixels)
        result |= recalls(changes) | accuracies({"gated": gated, "everything": everything}, truth)
    result |= kept(gated, truth, rows, {alarm.block for alarm in found})
    return result, (found, changes)


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


def recalls(changes: list[Event]) -> dict:
    """Of the changes that can be seen by the last evening."""
    hits, area = sum(change.caught for change in changes), sum(change.km2 for change in changes)
    delays = [change.delay for change in changes if change.delay is not None]
    return {
        "changes": len(changes),
        "caught": hits,
        "recall": hits / len(changes) if changes else None,
        "recall_interval": exact_interval(hits, len(changes)) if changes else None,
        "changed_km2": round(area, 4),
        "recall_by_area": sum(change.caught_km2 for change in changes) / area if area else None,
        "delay_evenings": {"median": median(delays), "most": max(delays)} if delays else None,
        "missed": [f"{change.kind}, {100 * change.km2:.2f} ha" for change in changes if not change.caught],
    }


def accuracies(regions: dict[str, Region], truth: Ground) -> dict:
    """Overall accuracy of each last map, of all ground and where its class has changed."""
    result, changed_HW = {}, truth.event_HW > 0
    for name, region in regions.items():
        right_HW = open_cube(region.cube).landcover.values[0] == truth.last_HW
        result[f"accuracy_{name}"] = float(right_HW.mean())
        result[f"accuracy_of_changed_{name}"] = float(right_HW[changed_HW].mean()) if changed_HW.any() else None
    return result


def show(result: dict) -> None:
    for name, value in result.items():
        print(f"{name}: {np.round(value, 4).tolist() if isinstance(value, float | tuple) else value}")


def versions_of(rows: list[dict], number: int) -> tuple[str, str]:
    """Before and after an evening."""
    return next((a["version"], b["version"]) for a, b in pairwise(rows) if b["number"] == number)

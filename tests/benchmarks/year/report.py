"""The figures of a year, and how they are printed."""

from collections import Counter
from itertools import pairwise
from statistics import median

import numpy as np

from pipeline.config.region import Region
from pipeline.cube.open import open_cube
from year.ground import Ground
from year.judge import KM2, Alarm, Event, Versions, alarms, asks, confirmable, events, exact_interval, kept, shown
from year.spending import FIRST_SEEN, TRULY, costs, extrapolated, spent


def judged(
    gated: Region, everything: Region, truth: Ground, rows: list[dict], pixels: int, confirm: int
) -> tuple[dict, tuple[list[Alarm], list[Event]]]:
    """All figures as they are written to a file, and what they count. "seen": of all changes that a clear view shows;
    "confirmable": of those that updates would have mapped if the change model made no error."""
    found = alarms(gated, truth, rows, pixels)
    result = {"evenings": len(rows) - 1, "blocks": len(list(gated.extent.blocks())), **costs(rows)}
    causes = Counter(alarm.cause for alarm in found)
    by_cause = spent(gated, rows, found)
    result |= {"alarms": dict(causes), "false_alarms": sum(causes.values()) - causes[TRULY] - causes[FIRST_SEEN]}
    result |= {"map_seconds_by_cause": by_cause}
    result["estimate"] = extrapolated(result, by_cause, causes, truth.event_HW.size * KM2)
    known = [Versions(gated).pixels(row["version"], "last_clear") for row in rows]
    days_of = asks(gated, rows)
    changes = {
        "seen": events(truth, rows, known, shown(gated, rows, days_of), pixels),
        "confirmable": events(truth, rows, known, confirmable(gated, truth, rows, days_of, pixels, confirm), pixels),
    }
    result |= {name: recalls(those) for name, those in changes.items()}
    if rows[-1]["whole"] is not None:
        result |= accuracies({"gated": gated, "everything": everything}, truth)
    result |= kept(gated, truth, rows, {alarm.block for alarm in found})
    return result, (found, changes["seen"])


def recalls(changes: list[Event]) -> dict:
    """Counts, area and delays of changes, and which of them were missed."""
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
        if name in ("seen", "confirmable"):
            print(f"{name}:")
            show({f"  {key}": each for key, each in value.items()})
        else:
            print(f"{name}: {np.round(value, 4).tolist() if isinstance(value, float | tuple) else value}")


def versions_of(rows: list[dict], number: int) -> tuple[str, str]:
    """Before and after an evening."""
    return next((a["version"], b["version"]) for a, b in pairwise(rows) if b["number"] == number)

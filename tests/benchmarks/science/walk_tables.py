"""Tables of the walk: which training of it is chosen, the walk beside its rivals, and steps against quality."""

from collections.abc import Iterator
from statistics import mean
from typing import Any

from science.tables import COMPARED, METRICS, gains, head, line
from science.variants import CHOICE, OURS, RIVALS, STEPS_OF_WALK, WALK, slug


def choice(results: dict[str, Any], preset: Any, name: str) -> Iterator[str]:
    """Trainings of the walk on training places kept out of them, the best by the mean of mIoU and boundary IoU."""
    cases = [(backbone, seed) for backbone in preset.backbones for seed in preset.choice]
    found: dict[tuple[str, int], list[Any]] = {}
    for label in CHOICE:
        runs = [results.get(f"choice-{name}-{slug(label)}-{backbone}-{seed}") for backbone, seed in cases]
        if all(runs):
            for place, steps in enumerate(STEPS_OF_WALK):
                found[label, steps] = [run["rows"][place] for run in runs if run]
    if not found:
        return
    score = {way: mean(row["refined"][key] for row in rows for key in COMPARED) for way, rows in found.items()}
    yield "The walk's training, chosen on training places that its networks had not seen:"
    yield ""
    yield from head("training", "steps", *(f"{metric} gain" for metric in METRICS.values()), "mean of the two IoUs")
    for (label, steps), rows in found.items():
        yield line(label, steps, *gains(rows), f"{score[label, steps]:.2f}")
    label, steps = max(score, key=lambda way: score[way])
    yield from ("", f"Best: {label}, {steps} steps.", "")


def walks(results: dict[str, Any], preset: Any, name: str) -> Iterator[str]:
    """The walk and its rivals, way by way, over the cases that are done."""
    cases = [(backbone, seed) for backbone in preset.backbones for seed in preset.table]
    ways: dict[tuple[str, str, int], dict[Any, Any]] = {}
    for label in (OURS, *RIVALS):
        for backbone, seed in cases:
            for row in results.get(f"walk-{name}-{slug(label)}-{backbone}-{seed}", {"rows": []})["rows"]:
                ways.setdefault((label, row["way"], row["passes"]), {})[backbone, seed] = row
    if not ways:
        return
    walk = next((rows for (label, _, passes), rows in ways.items() if (label, passes) == (WALK, 2)), {})
    yield "The walk and its rivals, all of equal training; passes through the network in one answer:"
    yield ""
    wins = (f"walk of 2 as good: {METRICS[key]}" for key in COMPARED)
    yield from head("refiner", "way", "passes", "cases", *(f"{metric} gain" for metric in METRICS.values()), *wins)
    for (label, way, passes), rows in ways.items():
        both = rows.keys() & walk.keys()
        good = (sum(walk[case]["refined"][key] >= rows[case]["refined"][key] for case in both) for key in COMPARED)
        yield line(label, way, passes, len(rows), *gains(rows.values()), *(f"{count} of {len(both)}" for count in good))
    yield ""


def steps(results: dict[str, Any]) -> Iterator[str]:
    for key in (key for key in results if key.startswith("steps-")):
        rows = results[key]["rows"]
        yield from (
            "## Steps against quality and cost",
            "",
            "Multiply-adds of one window of 256 px without its coarse network.",
        )
        yield from head(
            "refiner", "start", "guidance", "steps", "mIoU", "boundary IoU (4 px)", "WFm", "G multiply-adds", "s / Mpx"
        )
        for row in rows:
            scores = (f"{row['refined'][metric]:.2f}" for metric in ("mean_iou", "boundary_iou_4px", "wfm_2px"))
            yield line(
                *(row[column] for column in ("refiner", "start", "guidance", "steps")),
                *scores,
                f"{row['refiner_gmac']:.2f}",
                f"{row['seconds_per_megapixel']:.2f}",
            )
        yield from _verdicts(rows)
        yield ""


def _verdicts(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Ours in one step, as it is saved, against 25 guided steps from noise of each refiner that walks so."""
    ours = next(row for row in rows if row["refiner"] == OURS and row["steps"] == 1)
    for full in rows:
        if (full["start"], full["guidance"], full["steps"]) == ("noise", 3.0, 25):
            changes = (f"{name} {ours['refined'][key] - full['refined'][key]:+.2f}" for key, name in METRICS.items())
            share = full["refiner_gmac"] / ours["refiner_gmac"]
            yield ""
            yield (
                f"Ours in one step against 25 guided steps from noise of {full['refiner']}: {', '.join(changes)}, "
                f"at 1/{share:.1f} of the cost."
            )

"""One page of tables from the results there are: `report.md`, with pictures of best, median and worst cases."""

import json
from collections.abc import Iterator
from statistics import median
from typing import Any

from science import label_tables, pictures, walk_tables
from science.sets import labelled
from science.tables import BEYOND, COMPARED, METRICS, REPAIR, beyond, change, gains, head, line, spread
from science.variants import CONTROLS, OURS, slug


def write(place: Any) -> str:
    """Writes the report and says where it is and what it lacks."""
    results = {path.stem: json.loads(path.read_text()) for path in sorted((place.home / "results").glob("*.json"))}
    lines = [f"# Boundary refinement on real images, {place.home.name} preset", "", *_preset(place.preset)]
    for name in place.preset.sets:
        lines += [f"## {name}", "", *_main(results, place.preset, name), *_classes(results, place.preset, name)]
        lines += [*_controls(results, place.preset, name), *_beyond_table(results, place.preset, name)]
        lines += [*walk_tables.choice(results, place.preset, name), *walk_tables.walks(results, place.preset, name)]
        lines += pictures.draw(place, results, name)
    lines += [
        *walk_tables.steps(results),
        *_ablations(results, place.preset),
        *_gate(results),
        *_speed(results),
    ]
    study = place.preset.few_labels
    lines += [
        *label_tables.few_labels(results, study),
        *label_tables.ablations(results, study),
        *label_tables.under_the_refiner(results, study),
        *_time(results),
    ]
    path = place.home / "report.md"
    path.write_text("\n".join(lines) + "\n")
    return f"report: {path}"


def _preset(preset: Any) -> Iterator[str]:
    yield (
        f"{len(preset.sets)} set(s), {len(preset.backbones)} coarse networks, seeds {list(preset.table)}; coarse "
        f"{preset.coarse.steps} steps of {preset.coarse_batch} x {preset.coarse_crop} px, refiners "
        f"{preset.refiner.steps} steps of {preset.refiner_batch} x {preset.refiner_crop} px, {preset.device}."
    )
    if preset.centre is not None:
        yield f"Reduced: the middle {preset.centre} px of each test image are scored, networks small, training short."
    yield "Percent; medians over the seeds, the range in brackets. Places of test images are in no training."
    yield ""


def _main(results: dict[str, Any], preset: Any, name: str) -> Iterator[str]:
    yield from head("coarse network", "", *METRICS.values(), *REPAIR.values())
    for backbone in preset.backbones:
        runs = [results[key] for seed in preset.table if (key := f"score-{name}-{OURS}-{backbone}-{seed}") in results]
        if not runs:
            continue
        for which in ("coarse", "refined"):
            repair = [spread(run["repair"][key] for run in runs) if which == "refined" else "" for key in REPAIR]
            yield line(backbone, which, *(spread(run[which][key] for run in runs) for key in METRICS), *repair)
        yield line("", "gain", *gains(runs), "", "")
    yield ""


def _classes(results: dict[str, Any], preset: Any, name: str) -> Iterator[str]:
    """A rare class weighs as much in mIoU as a common one."""
    scores = {
        backbone: [results.get(f"score-{name}-{OURS}-{backbone}-{seed}") for seed in preset.table]
        for backbone in preset.backbones
    }
    scores = {backbone: runs for backbone, runs in scores.items() if all(runs)}
    if not scores:
        return
    shares, *_ = (runs[0]["class_share"] for runs in scores.values())
    columns = (text for backbone in scores for text in (f"{backbone}: IoU coarse", "refined", "gain"))
    yield from head("class", "% of the truth", *columns)
    for k, row in enumerate(labelled(name).classes):
        cells = []
        for runs in scores.values():
            pairs = [_class_ious(run, row["name"]) for run in runs]
            cells += [spread(column) for column in zip(*pairs, strict=True)]
            cells.append(spread((change(*pair) for pair in pairs), "+.2f"))
        yield line(row["name"], f"{shares[k]:.2f}", *cells)
    yield ""


def _class_ious(run: dict[str, Any], name: str) -> tuple[float | None, float | None]:
    """IoU of one class in the coarse and in the refined map."""
    coarse, refined = (run[which]["classes"][name]["iou"] for which in ("coarse", "refined"))
    return coarse, refined


def _controls(results: dict[str, Any], preset: Any, name: str) -> Iterator[str]:
    """What each refiner changes, over all coarse networks and seeds; ours wins where it is as good in the same case."""
    cases = [(backbone, seed) for backbone in preset.backbones for seed in preset.table]
    ours = {case: results.get(f"score-{name}-{OURS}-{case[0]}-{case[1]}") for case in cases}
    if not all(ours.values()):
        return
    gains = (f"{metric} gain" for metric in METRICS.values())
    yield from head("refiner", *gains, *REPAIR.values(), "s / Mpx", "ours as good: mIoU", "boundary IoU (4 px)")
    for control in (*CONTROLS, "crf"):
        runs = {case: results.get(f"score-{name}-{control}-{case[0]}-{case[1]}") for case in cases}
        if not all(runs.values()):
            continue
        yield _control_row(control, runs, ours)
        if all(run["gated"] for run in runs.values()):
            gated = {case: {**run["gated"], "seconds_per_megapixel": None} for case, run in runs.items()}
            yield _control_row(f"{control}, gated", gated, ours)
    yield ""


def _control_row(label: str, runs: dict[Any, Any], ours: dict[Any, Any]) -> str:
    wins = [
        f"{sum(ours[case]['refined'][key] >= run['refined'][key] for case, run in runs.items())} of {len(runs)}"
        for key in COMPARED
    ]
    seconds = [run["seconds_per_megapixel"] for run in runs.values() if run["seconds_per_megapixel"] is not None]
    return line(
        label,
        *gains(runs.values()),
        *(spread(run["repair"][key] for run in runs.values()) for key in REPAIR),
        f"{median(seconds):.2f}" if seconds else "",
        *wins,
    )


def _beyond_table(results: dict[str, Any], preset: Any, name: str) -> Iterator[str]:
    """Topology, calibration and areas of the coarse and the refined maps of ours and its controls."""
    runs = {
        control: [
            results.get(f"score-{name}-{control}-{backbone}-{seed}")
            for backbone in preset.backbones
            for seed in preset.table
        ]
        for control in (*CONTROLS, "crf")
    }
    done = {control: each for control, each in runs.items() if all(each)}
    if OURS not in done:
        return
    yield from head("refiner", *BEYOND.values())
    yield line("none: coarse", *beyond(done[OURS], "coarse"))
    for control, each in done.items():
        yield line(control, *beyond(each, "refined"))
    yield ""


def _ablations(results: dict[str, Any], preset: Any) -> Iterator[str]:
    """Changes case by case, a case being one coarse network of one seed, of the cases that are done."""
    name = preset.sets[0]
    yield from (f"## Ablations ({name}; change against {OURS} in the same case, median and range)", "")
    yield from head("refiner", "cases", *METRICS.values(), *REPAIR.values(), "worse in: mIoU", "boundary IoU (4 px)")
    for ablation, seeds in preset.ablations.items():
        cases = [f"{backbone}-{seed}" for backbone in preset.backbones for seed in seeds]
        pairs = [[results.get(f"score-{name}-{label}-{case}") for label in (OURS, slug(ablation))] for case in cases]
        done = [pair for pair in pairs if all(pair)]
        if done:
            scores = [[run["refined"] | {key: run["repair"][key] for key in REPAIR} for run in pair] for pair in done]
            changes = {
                key: [change(before[key], after[key]) for before, after in scores] for key in (*METRICS, *REPAIR)
            }
            worse = (sum(change is not None and change < 0 for change in changes[key]) for key in COMPARED)
            spreads = (spread(changes[key], "+.2f") for key in (*METRICS, *REPAIR))
            yield line(ablation, f"{len(done)} of {len(cases)}", *spreads, *worse)
    yield ""


def _gate(results: dict[str, Any]) -> Iterator[str]:
    for key in (key for key in results if key.startswith("gate-")):
        yield from ("## The band that may change", "")
        columns = (
            "radius",
            "threshold",
            "editable %",
            "changed outside",
            *METRICS.values(),
            *REPAIR.values(),
            "s / Mpx",
        )
        yield from head(*columns)
        for row in results[key]["rows"]:
            yield line(
                row["radius"],
                row["threshold"],
                f"{100 * row['editable']:.1f}",
                row["changed_outside"],
                *(f"{row['refined'][metric]:.2f}" for metric in METRICS),
                *(f"{row['repair'][metric]:.2f}" for metric in REPAIR),
                f"{row['seconds_per_megapixel']:.2f}",
            )
        yield ""


def _speed(results: dict[str, Any]) -> Iterator[str]:
    if "speed" in results:
        yield from (f"## Speed on {results['speed']['device']}, bf16", "")
        yield from head("preset", "compiled", "windows / s", "of peak %", "GB")
        for row in results["speed"]["rows"]:
            yield line(
                row["preset"],
                row["compiled"],
                f"{row['windows_per_second']:.1f}",
                f"{100 * row['utilisation']:.2f}",
                f"{row['memory_gb']:.2f}",
            )
        yield ""


def _time(results: dict[str, Any]) -> Iterator[str]:
    kinds: dict[str, list[float]] = {}
    for key, result in results.items():
        kinds.setdefault(key.split("-")[0], []).append(result["task_seconds"])
    yield from ("## Time", "", *head("task", "number", "seconds, last piece of each, in all"))
    yield from (line(kind, len(spent), f"{sum(spent):.0f}") for kind, spent in kinds.items())

"""One page of tables from the results there are: `report.md`, with pictures of best, median and worst cases."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from statistics import mean, median
from typing import Any

from idgbr.settings import Settings
from science import labels, pictures, under
from science.presets import CHOICE, CONTROLS, OURS, RIVALS, STEPS_OF_WALK, WALK, slug
from science.sets import SETS

METRICS = {
    "mean_iou": "mIoU",
    "wfm_2px": "WFm",
    "boundary_iou_4px": "boundary IoU (4 px)",
    "boundary_f1_3px": "boundary F1 (3 px)",
    "overall_accuracy": "OA",
}
BEYOND = {
    "betti0_error_256px": "components, error",
    "betti1_error_256px": "holes, error",
    "cldice": "clDice",
    "ece_15bins": "ECE",
    "nll": "NLL",
    "brier": "Brier",
    "mean_area_bias": "area bias",
}
"""Scores of topology (components and holes: a tile of 256 px), calibration and area; only of clDice more is better."""
COMPARED = ("mean_iou", "boundary_iou_4px")
"""The scores by which two refiners are compared case by case."""
REPAIR = {"iou_imp": "IoU_imp", "new_fp": "new FP"}


def write(place: Any) -> str:
    """Writes the report and says where it is and what it lacks."""
    results = {path.stem: json.loads(path.read_text()) for path in sorted((place.home / "results").glob("*.json"))}
    lines = [f"# Boundary refinement on real images, {place.home.name} preset", "", *_preset(place.preset)]
    for name in place.preset.sets:
        lines += [f"## {name}", "", *_main(results, place.preset, name), *_classes(results, place.preset, name)]
        lines += [*_controls(results, place.preset, name), *_beyond_table(results, place.preset, name)]
        lines += [*_choice(results, place.preset, name), *_walks(results, place.preset, name)]
        lines += pictures.draw(place, results, name)
    lines += [*_steps(results), *_ablations(results, place.preset), *_gate(results), *_speed(results), *_time(results)]
    study = place.preset.few_labels
    lines += [*_few_labels(results, study), *_label_ablations(results, study), *_under(results, study)]
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
    yield from _head("coarse network", "", *METRICS.values(), *REPAIR.values())
    for backbone in preset.backbones:
        runs = [results[key] for seed in preset.table if (key := f"score-{name}-{OURS}-{backbone}-{seed}") in results]
        if not runs:
            continue
        for which in ("coarse", "refined"):
            repair = [_spread(run["repair"][key] for run in runs) if which == "refined" else "" for key in REPAIR]
            yield _row(backbone, which, *(_spread(run[which][key] for run in runs) for key in METRICS), *repair)
        yield _row("", "gain", *_gains(runs), "", "")
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
    yield from _head("class", "% of the truth", *columns)
    for k, row in enumerate(SETS[name].classes):
        cells = []
        for runs in scores.values():
            pairs = [_class_ious(run, row["name"]) for run in runs]
            cells += [_spread(column) for column in zip(*pairs, strict=True)]
            cells.append(_spread((_change(*pair) for pair in pairs), "+.2f"))
        yield _row(row["name"], f"{shares[k]:.2f}", *cells)
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
    yield from _head("refiner", *gains, *REPAIR.values(), "s / Mpx", "ours as good: mIoU", "boundary IoU (4 px)")
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
    return _row(
        label,
        *_gains(runs.values()),
        *(_spread(run["repair"][key] for run in runs.values()) for key in REPAIR),
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
    yield from _head("refiner", *BEYOND.values())
    yield _row("none: coarse", *_beyond(done[OURS], "coarse"))
    for control, each in done.items():
        yield _row(control, *_beyond(each, "refined"))
    yield ""


def _choice(results: dict[str, Any], preset: Any, name: str) -> Iterator[str]:
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
    yield from _head("training", "steps", *(f"{metric} gain" for metric in METRICS.values()), "mean of the two IoUs")
    for (label, steps), rows in found.items():
        yield _row(label, steps, *_gains(rows), f"{score[label, steps]:.2f}")
    label, steps = max(score, key=lambda way: score[way])
    yield from ("", f"Best: {label}, {steps} steps.", "")


def _walks(results: dict[str, Any], preset: Any, name: str) -> Iterator[str]:
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
    yield from _head("refiner", "way", "passes", "cases", *(f"{metric} gain" for metric in METRICS.values()), *wins)
    for (label, way, passes), rows in ways.items():
        both = rows.keys() & walk.keys()
        good = (sum(walk[case]["refined"][key] >= rows[case]["refined"][key] for case in both) for key in COMPARED)
        yield _row(
            label, way, passes, len(rows), *_gains(rows.values()), *(f"{count} of {len(both)}" for count in good)
        )
    yield ""


def _steps(results: dict[str, Any]) -> Iterator[str]:
    for key in (key for key in results if key.startswith("steps-")):
        rows = results[key]["rows"]
        yield from (
            "## Steps against quality and cost",
            "",
            "Multiply-adds of one window of 256 px without its coarse network.",
        )
        yield from _head(
            "refiner", "start", "guidance", "steps", "mIoU", "boundary IoU (4 px)", "WFm", "G multiply-adds", "s / Mpx"
        )
        for row in rows:
            scores = (f"{row['refined'][metric]:.2f}" for metric in ("mean_iou", "boundary_iou_4px", "wfm_2px"))
            yield _row(
                *(row[column] for column in ("refiner", "start", "guidance", "steps")),
                *scores,
                f"{row['refiner_gmac']:.2f}",
                f"{row['seconds_per_megapixel']:.2f}",
            )
        yield from _verdicts(rows)
        yield ""


def _verdicts(rows: list[dict[str, Any]]) -> Iterator[str]:
    """What ships against 25 guided steps from noise of each refiner that walks so."""
    ours = next(row for row in rows if row["refiner"] == OURS and row["steps"] == Settings.num_inference_steps)
    for full in rows:
        if (full["start"], full["guidance"], full["steps"]) == ("noise", 3.0, 25):
            changes = (f"{name} {ours['refined'][key] - full['refined'][key]:+.2f}" for key, name in METRICS.items())
            share = full["refiner_gmac"] / ours["refiner_gmac"]
            yield ""
            yield (
                f"Ours as shipped against 25 guided steps from noise of {full['refiner']}: {', '.join(changes)}, "
                f"at 1/{share:.1f} of the cost."
            )


def _ablations(results: dict[str, Any], preset: Any) -> Iterator[str]:
    """Changes case by case, a case being one coarse network of one seed, of the cases that are done."""
    name = preset.sets[0]
    yield from (f"## Ablations ({name}; change against {OURS} in the same case, median and range)", "")
    yield from _head("refiner", "cases", *METRICS.values(), *REPAIR.values(), "worse in: mIoU", "boundary IoU (4 px)")
    for ablation, seeds in preset.ablations.items():
        cases = [f"{backbone}-{seed}" for backbone in preset.backbones for seed in seeds]
        pairs = [[results.get(f"score-{name}-{label}-{case}") for label in (OURS, slug(ablation))] for case in cases]
        done = [pair for pair in pairs if all(pair)]
        if done:
            scores = [[run["refined"] | {key: run["repair"][key] for key in REPAIR} for run in pair] for pair in done]
            changes = {
                key: [_change(before[key], after[key]) for before, after in scores] for key in (*METRICS, *REPAIR)
            }
            worse = (sum(change is not None and change < 0 for change in changes[key]) for key in COMPARED)
            spreads = (_spread(changes[key], "+.2f") for key in (*METRICS, *REPAIR))
            yield _row(ablation, f"{len(done)} of {len(cases)}", *spreads, *worse)
    yield ""


def _few_labels(results: dict[str, Any], study: Any) -> Iterator[str]:
    """Means over the seeds; the gain of each seed is against plain HRNet of that seed and share."""
    for name in study.sets:
        rows = []
        for share in study.shares:
            for arm in labels.ARMS:
                runs = {seed: results.get(labels.task_name(name, arm, share, seed)) for seed in study.seeds}
                plain = {seed: results.get(labels.task_name(name, labels.PLAIN, share, seed)) for seed in study.seeds}
                rows += _label_row(f"{share:.0%}", arm, runs, plain)
        if rows:
            yield from (f"## Few labels: {name}", "")
            yield f"{study.coarse.steps} steps of {study.batch} x {study.crop} px; priors as long as {study.ddpm.steps}"
            yield from ("steps of the diffusion U-Net, on all training images. Mean of the seeds, their range.", "")
            yield from _head("labels", "network", "seeds", "mIoU", "boundary IoU (4 px)", "mIoU against HRNet, seeds")
            yield from (*rows, "")


def _label_row(share: str, arm: str, runs: dict[int, Any], plain: dict[int, Any]) -> Iterator[str]:
    found = {seed: run for seed, run in runs.items() if run is not None}
    if not found:
        return
    gains = [f"{run['mean_iou'] - plain[seed]['mean_iou']:+.2f}" for seed, run in found.items() if plain[seed]]
    cells = [_mean_range([run[metric] for run in found.values()]) for metric in under.METRICS]
    yield _row(share, arm, len(found), *cells, ", ".join(gains))


def _label_ablations(results: dict[str, Any], study: Any) -> Iterator[str]:
    name, share = study.sets[0], labels.ABLATED_SHARE
    rows = []
    for ablation in (labels.OURS, *labels.ABLATIONS):
        runs = {seed: results.get(labels.task_name(name, ablation, share, seed)) for seed in study.ablation_seeds}
        plain = {seed: results.get(labels.task_name(name, labels.PLAIN, share, seed)) for seed in study.ablation_seeds}
        rows += _label_row(f"{share:.0%}", ablation, runs, plain)
    if rows:
        yield from (f"## Few labels: where and how the features are fused ({name})", "")
        yield from _head("labels", "Diff-HRNet", "seeds", "mIoU", "boundary IoU (4 px)", "mIoU against HRNet, seeds")
        yield from (*rows, "")
    if "labels-cost" in results:
        yield from ("## Cost of features", "", *_head("network", "multiply-adds (G) a megapixel", "CPU s a megapixel"))
        for row in results["labels-cost"]["rows"]:
            yield _row(row["network"], f"{row['gmac']:.1f}", f"{row['cpu_seconds']:.2f}")
        yield ""


def _under(results: dict[str, Any], study: Any) -> Iterator[str]:
    name = study.sets[0]
    rows = []
    for arm in labels.ARMS:
        runs = [run for seed in study.seeds if (run := results.get(under.task_name(name, arm, seed)))]
        if runs:
            scores = [_mean_range([run[which][key] for run in runs]) for key in under.METRICS for which in under.MAPS]
            rows.append(_row(arm, len(runs), *scores))
    if rows:
        yield from (f"## Under the refiner: {name}, all labels", "")
        columns = (f"{METRICS[key]}, {which}" for key in under.METRICS for which in under.MAPS)
        yield from (*_head("coarse network", "seeds", *columns), *rows, "")


def _mean_range(values: list[float]) -> str:
    return f"{mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


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
        yield from _head(*columns)
        for row in results[key]["rows"]:
            yield _row(
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
        yield from _head("preset", "compiled", "windows / s", "of peak %", "GB")
        for row in results["speed"]["rows"]:
            yield _row(
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
    yield from ("## Time", "", *_head("task", "number", "seconds, last piece of each, in all"))
    yield from (_row(kind, len(spent), f"{sum(spent):.0f}") for kind, spent in kinds.items())


def _spread(values: Iterable[float | None], shown: str = ".2f") -> str:
    defined = [value for value in values if value is not None]
    if not defined:
        return ""
    middle = f"{median(defined):{shown}}"
    return middle if len(defined) == 1 else f"{middle} ({min(defined):{shown}}..{max(defined):{shown}})"


def _gains(runs: Collection[dict[str, Any]]) -> Iterator[str]:
    """What refinement changes, metric by metric."""
    for key in METRICS:
        yield _spread((_change(run["coarse"][key], run["refined"][key]) for run in runs), "+.2f")


def _beyond(runs: Collection[dict[str, Any]], which: str) -> Iterator[str]:
    """Scores beyond the pixels, as they are."""
    for key in BEYOND:
        yield _spread((run[which][key] for run in runs), ".3f" if key in ("nll", "brier") else ".2f")


def _change(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _head(*columns: str) -> Sequence[str]:
    return _row(*columns), _row(*["---"] * len(columns))


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"

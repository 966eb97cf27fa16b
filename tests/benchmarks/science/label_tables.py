"""Tables of the networks that begin from images without labels."""

from collections.abc import Iterator
from typing import Any

from science import labels, under
from science.tables import METRICS, head, line, mean_range


def few_labels(results: dict[str, Any], study: Any) -> Iterator[str]:
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
            yield from head("labels", "network", "seeds", "mIoU", "boundary IoU (4 px)", "mIoU against HRNet, seeds")
            yield from (*rows, "")


def _label_row(share: str, arm: str, runs: dict[int, Any], plain: dict[int, Any]) -> Iterator[str]:
    found = {seed: run for seed, run in runs.items() if run is not None}
    if not found:
        return
    gains = [f"{run['mean_iou'] - plain[seed]['mean_iou']:+.2f}" for seed, run in found.items() if plain[seed]]
    cells = [mean_range([run[metric] for run in found.values()]) for metric in under.METRICS]
    yield line(share, arm, len(found), *cells, ", ".join(gains))


def ablations(results: dict[str, Any], study: Any) -> Iterator[str]:
    name, share = study.sets[0], labels.ABLATED_SHARE
    rows = []
    for ablation in (labels.OURS, *labels.ABLATIONS):
        runs = {seed: results.get(labels.task_name(name, ablation, share, seed)) for seed in study.ablation_seeds}
        plain = {seed: results.get(labels.task_name(name, labels.PLAIN, share, seed)) for seed in study.ablation_seeds}
        rows += _label_row(f"{share:.0%}", ablation, runs, plain)
    if rows:
        yield from (f"## Few labels: where and how the features are fused ({name})", "")
        yield from head("labels", "Diff-HRNet", "seeds", "mIoU", "boundary IoU (4 px)", "mIoU against HRNet, seeds")
        yield from (*rows, "")
    if "labels-cost" in results:
        yield from ("## Cost of features", "", *head("network", "multiply-adds (G) a megapixel", "CPU s a megapixel"))
        for row in results["labels-cost"]["rows"]:
            yield line(row["network"], f"{row['gmac']:.1f}", f"{row['cpu_seconds']:.2f}")
        yield ""


def under_the_refiner(results: dict[str, Any], study: Any) -> Iterator[str]:
    name = study.sets[0]
    rows = []
    for arm in labels.ARMS:
        runs = [run for seed in study.seeds if (run := results.get(under.task_name(name, arm, seed)))]
        if runs:
            scores = [mean_range([run[which][key] for run in runs]) for key in under.METRICS for which in under.MAPS]
            rows.append(line(arm, len(runs), *scores))
    if rows:
        yield from (f"## Under the refiner: {name}, all labels", "")
        columns = (f"{METRICS[key]}, {which}" for key in under.METRICS for which in under.MAPS)
        yield from (*head("coarse network", "seeds", *columns), *rows, "")

"""What all tables of the report share: their metrics, and rows of medians, ranges and changes."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from statistics import mean, median
from typing import Any

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
    "connected_length_256px": "in one piece",
    "ece_15bins": "ECE",
    "nll": "NLL",
    "brier": "Brier",
    "mean_area_bias": "area bias",
}
"""Scores of topology (components and holes: a tile of 256 px), calibration and area; more is better of
clDice and of what is in one piece alone."""
COMPARED = ("mean_iou", "boundary_iou_4px")
"""The scores by which two refiners are compared case by case."""
REPAIR = {"iou_imp": "IoU_imp", "new_fp": "new FP"}


def head(*columns: str) -> Sequence[str]:
    return line(*columns), line(*["---"] * len(columns))


def line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def spread(values: Iterable[float | None], shown: str = ".2f") -> str:
    defined = [value for value in values if value is not None]
    if not defined:
        return ""
    middle = f"{median(defined):{shown}}"
    return middle if len(defined) == 1 else f"{middle} ({min(defined):{shown}}..{max(defined):{shown}})"


def mean_range(values: list[float]) -> str:
    return f"{mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def gains(runs: Collection[dict[str, Any]]) -> Iterator[str]:
    """What refinement changes, metric by metric."""
    for key in METRICS:
        yield spread((change(run["coarse"][key], run["refined"][key]) for run in runs), "+.2f")


def beyond(runs: Collection[dict[str, Any]], which: str) -> Iterator[str]:
    """Scores beyond the pixels, as they are."""
    for key in BEYOND:
        yield spread((run[which][key] for run in runs), ".3f" if key in ("nll", "brier") else ".2f")


def change(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before

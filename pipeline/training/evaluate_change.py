"""`idgbr evaluate` of a change model: its scores on a labelled change set, by the published protocol."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from idgbr.change import ChangePipeline
from idgbr.metrics.change import ChangeCounts, ChangeScores
from pipeline.console.tables import print_table
from pipeline.errors import UserError
from pipeline.training.change_set import ChangePair, ChangeSet, change_set
from pipeline.training.recipe import Report

TILE = 256
"""Side of the published protocol's tiles (arXiv 2503.20734)."""
LABELS = {"f1": "F1", "precision": "precision", "recall": "recall", "iou": "IoU"}


@dataclass(frozen=True, kw_only=True)
class ChangeReport(ChangeScores):
    """Scores of all pairs together, and of each by its stem. threshold: above it a pixel counts as changed.

    seconds_per_megapixel: without files and a first tile to warm up.
    """

    threshold: float
    seconds_per_megapixel: float
    images: dict[str, ChangeScores]


def open_model_and_pairs(folder: Path, data: Path, ignore: tuple[int, ...] = ()) -> tuple[ChangePipeline, ChangeSet]:
    """A change model and a change set, each pair read once to check it. Raises UserError and CheckpointError."""
    model = ChangePipeline.from_pretrained(folder)
    pairs = change_set(data, model.bands, model.settings.blank, ignore)
    for _ in pairs:
        pass
    return model.to("cuda" if torch.cuda.is_available() else "cpu"), pairs


def check_tiles(multiple: int) -> None:
    """Raises UserError for a network that does not take tiles of 256 px, but multiples of so many."""
    if TILE % multiple:
        raise UserError(
            f"change models are scored on tiles of {TILE} px, but the network takes multiples of {multiple} px; choose "
            f"its shrink and its levels so that {TILE} is one of these"
        )


def evaluate_change(
    model: ChangePipeline, pairs: Iterable[tuple[str, ChangePair]], count: int, report: Report
) -> ChangeReport:
    """Scores on tiles of 256 px that do not overlap, from one confusion matrix over all `count` pairs.

    Raises what `check_tiles` raises.
    """
    check_tiles(model.network.multiple)
    tiled = ChangePipeline(replace(model.settings, window=TILE, overlap=0), model.network, model.scout).to(model.device)
    threshold, total = model.settings.threshold, ChangeCounts()
    images: dict[str, ChangeScores] = {}
    seconds = pixels = 0.0
    for stem, (before_BHW, after_BHW, label_HW) in pairs:
        if not images:
            tiled(before_BHW[:, :TILE, :TILE], after_BHW[:, :TILE, :TILE])
        start = time.perf_counter()
        probability_HW = tiled(before_BHW, after_BHW).probability_HW
        seconds += time.perf_counter() - start
        pixels += label_HW.size
        one = ChangeCounts.of(label_HW, probability_HW, threshold)
        total, images[stem] = total + one, one.scores()
        report(len(images), count, stem)
    return ChangeReport(
        **vars(total.scores()),
        threshold=threshold,
        seconds_per_megapixel=round(seconds / max(pixels, 1) * 1e6, 4),
        images=images,
    )


def print_change_report(report: ChangeReport) -> None:
    """Prints tables of all scores: in total, and by image."""
    print_change_scores(f"{len(report.images)} pairs, threshold {report.threshold:g}, %", report)
    print_table("cost", [("seconds per megapixel", f"{report.seconds_per_megapixel:.3f}")])
    rows = [(stem, *(_number(getattr(each, name)) for name in LABELS)) for stem, each in report.images.items()]
    print_table("by pair, %", rows, ("", *LABELS.values()))


def print_change_scores(title: str, scores: ChangeScores) -> None:
    rows: list[Any] = [(label, _number(getattr(scores, name))) for name, label in LABELS.items()]
    print_table(title, [*rows, ("changed pixels", f"{scores.changed:,} of {scores.pixels:,}")])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"

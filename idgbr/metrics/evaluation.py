"""Scores a model's coarse and refined maps, image by image and in total. All scores of maps are made here."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import numpy as np

from idgbr.metrics import confusion, repair
from idgbr.metrics.arrays import Counts, Labels, Scores, mean
from idgbr.metrics.boundary import BoundaryAccuracy, BoundaryF1, BoundaryIoU
from idgbr.metrics.calibration import Calibration
from idgbr.metrics.scores import (
    BOUNDARY_F1_PX,
    BOUNDARY_IOU_PX,
    ClassScores,
    EvaluationScores,
    MapScores,
    RepairScores,
    number,
    percent,
)
from idgbr.metrics.topology import BettiErrors, CentrelineDice, ConnectedLength
from idgbr.metrics.weighted import wfm


@dataclass(frozen=True)
class Agreement:
    """What all scores of one kind of map against the truth are made of; those of several images add up.

    boundary_f1: at BOUNDARY_F1_PX. wfm, images_with_edge: the sum of WFm over the images with a true edge, and their
    number. calibration: None where there were labels alone.
    """

    confusion: Counts
    boundary_iou: BoundaryIoU
    boundary_f1: tuple[BoundaryF1, ...]
    boundary_accuracy: BoundaryAccuracy
    wfm: float
    images_with_edge: int
    betti: BettiErrors
    centrelines: CentrelineDice
    connected: ConnectedLength
    calibration: Calibration | None

    @classmethod
    def of(
        cls,
        true_HW: Labels,
        pred_HW: Labels,
        codes: Sequence[int],
        ignore: int,
        calibration: Calibration | None = None,
    ) -> Self:
        """Of one image; `ignore` is the value in the truth that is not scored."""
        weighted = wfm(true_HW, pred_HW, ignore)
        return cls(
            confusion.confusion_matrix(true_HW, pred_HW, codes, ignore),
            BoundaryIoU.of(true_HW, pred_HW, codes, BOUNDARY_IOU_PX, ignore),
            BoundaryF1.at(true_HW, pred_HW, codes, BOUNDARY_F1_PX, ignore),
            BoundaryAccuracy.of(true_HW, pred_HW, codes, None, ignore),
            float(np.nan_to_num(weighted)),
            int(np.isfinite(weighted)),
            BettiErrors.of(true_HW, pred_HW, codes, ignore=ignore),
            CentrelineDice.of(true_HW, pred_HW, codes, ignore),
            ConnectedLength.of(true_HW, pred_HW, codes, ignore=ignore),
            calibration,
        )

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.confusion + other.confusion,
            self.boundary_iou + other.boundary_iou,
            tuple(one + more for one, more in zip(self.boundary_f1, other.boundary_f1, strict=True)),
            self.boundary_accuracy + other.boundary_accuracy,
            self.wfm + other.wfm,
            self.images_with_edge + other.images_with_edge,
            self.betti + other.betti,
            self.centrelines + other.centrelines,
            self.connected + other.connected,
            None if self.calibration is None or other.calibration is None else self.calibration + other.calibration,
        )

    def scores(self, names: Sequence[str]) -> MapScores:
        """names: of the classes, in the order of the codes."""
        f1_1px, f1_3px, f1_5px = (f1.mean for f1 in self.boundary_f1)
        return MapScores(
            mean_iou=percent(confusion.mean_iou(self.confusion)),
            mean_f1=percent(confusion.mean_f1(self.confusion)),
            overall_accuracy=percent(confusion.overall_accuracy(self.confusion)),
            kappa=percent(confusion.kappa(self.confusion)),
            wfm_2px=percent(self.wfm / self.images_with_edge) if self.images_with_edge else None,
            boundary_iou_4px=percent(self.boundary_iou.mean),
            boundary_f1_1px=percent(f1_1px),
            boundary_f1_3px=percent(f1_3px),
            boundary_f1_5px=percent(f1_5px),
            mean_boundary_accuracy=percent(self.boundary_accuracy.mean),
            cldice=percent(self.centrelines.mean),
            connected_length_256px=percent(self.connected.mean),
            betti0_error_256px=number(self.betti.components),
            betti1_error_256px=number(self.betti.holes),
            mean_area_bias=percent(confusion.mean_area_bias(self.confusion)),
            ece_15bins=percent(self.calibration.expected_error) if self.calibration else None,
            nll=number(self.calibration.mean_nll) if self.calibration else None,
            brier=number(self.calibration.mean_brier) if self.calibration else None,
            classes=dict(zip(names, self._class_scores(), strict=True)),
        )

    def _class_scores(self) -> list[ClassScores]:
        columns = {
            "iou": confusion.iou(self.confusion),
            "f1": confusion.f1(self.confusion),
            "boundary_iou_4px": self.boundary_iou.by_class,
            **{f"boundary_f1_{px}px": f1.by_class for px, f1 in zip(BOUNDARY_F1_PX, self.boundary_f1, strict=True)},
            "mean_boundary_accuracy": self.boundary_accuracy.by_class,
            "cldice": self.centrelines.by_class,
            "connected_length_256px": self.connected.by_class,
            "area_bias": confusion.area_bias(self.confusion),
        }
        betti0_K, betti1_K = self.betti.components_by_class, self.betti.holes_by_class
        return [
            ClassScores(
                **{name: percent(score_K[k]) for name, score_K in columns.items()},
                betti0_error_256px=number(betti0_K[k]),
                betti1_error_256px=number(betti1_K[k]),
            )
            for k in range(len(self.confusion))
        ]


@dataclass(frozen=True)
class Repair:
    """What refinement mended and broke; see `repair_counts` and `new_fp_counts`.

    grades: how many cases were mended completely, partially or wrongly; a case is one class in one image.
    """

    counts_K5: Counts
    new_fp: Counts
    grades: Counter[repair.Grade]

    @classmethod
    def of(cls, true_HW: Labels, coarse_HW: Labels, refined_HW: Labels, codes: Sequence[int], ignore: int) -> Self:
        """Of one image."""
        counts_K5 = repair.repair_counts(true_HW, coarse_HW, refined_HW, codes, ignore)
        grades = [grade for score in repair.iou_imp(counts_K5) if (grade := repair.grade(float(score)))]
        return cls(counts_K5, repair.new_fp_counts(true_HW, coarse_HW, refined_HW, ignore), Counter(grades))

    def __add__(self, other: Self) -> Self:
        return type(self)(self.counts_K5 + other.counts_K5, self.new_fp + other.new_fp, self.grades + other.grades)

    def scores(self, names: Sequence[str]) -> RepairScores:
        """names: of the classes, in the order of the codes."""
        iou_imp_K = repair.iou_imp(self.counts_K5)
        return RepairScores(
            iou_imp=percent(mean(iou_imp_K)),
            new_fp=percent(repair.new_fp_rate(self.new_fp)),
            complete=self.grades["complete"],
            partial=self.grades["partial"],
            error=self.grades["error"],
            class_iou_imp={name: percent(score) for name, score in zip(names, iou_imp_K, strict=True)},
        )


@dataclass(kw_only=True)
class Calibrated:
    """A listener of `IDGBRPipeline.maps` that adds up the calibration of one image's probabilities, strip by strip.

    seconds: spent on it.
    """

    true_HW: Labels
    codes: Sequence[int]
    ignore: int = 0
    coarse: Calibration | None = None
    refined: Calibration | None = None
    seconds: float = 0.0

    def __call__(self, image: int, rows: slice, coarse_KHW: Scores, refined_KHW: Scores) -> None:
        start = time.perf_counter()
        coarse, refined = (
            Calibration.of(self.true_HW[rows], each_KHW, self.codes, self.ignore)
            for each_KHW in (coarse_KHW, refined_KHW)
        )
        self.coarse = coarse if self.coarse is None else self.coarse + coarse
        self.refined = refined if self.refined is None else self.refined + refined
        self.seconds += time.perf_counter() - start


@dataclass(frozen=True)
class Evaluation:
    """One image's maps against the truth, or several images' after adding theirs up; without refiner, the coarse map's
    alone."""

    coarse: Agreement
    refined: Agreement | None
    repair: Repair | None

    @classmethod
    def of(
        cls,
        true_HW: Labels,
        coarse_HW: Labels,
        refined_HW: Labels | None,
        codes: Sequence[int],
        ignore: int = 0,
        calibration: Calibrated | None = None,
    ) -> Self:
        """Of one image, in label codes; refined_HW is None where nothing was refined. calibration: of the same image's
        probabilities, where they are at hand."""
        coarse_calibration, refined_calibration = (
            (calibration.coarse, calibration.refined) if calibration else (None, None)
        )
        if refined_HW is None:
            return cls(Agreement.of(true_HW, coarse_HW, codes, ignore, coarse_calibration), None, None)
        with ThreadPoolExecutor(2) as both:  # numpy lets other threads work
            coarse, refined = both.map(
                lambda map_HW, of_map: Agreement.of(true_HW, map_HW, codes, ignore, of_map),
                (coarse_HW, refined_HW),
                (coarse_calibration, refined_calibration),
            )
        return cls(coarse, refined, Repair.of(true_HW, coarse_HW, refined_HW, codes, ignore))

    def __add__(self, other: Self) -> Self:
        refined = None if self.refined is None or other.refined is None else self.refined + other.refined
        repair = None if self.repair is None or other.repair is None else self.repair + other.repair
        return type(self)(self.coarse + other.coarse, refined, repair)

    def scores(self, names: Sequence[str]) -> EvaluationScores:
        """names: of the classes, in the order of the codes."""
        return EvaluationScores(
            coarse=self.coarse.scores(names),
            refined=None if self.refined is None else self.refined.scores(names),
            repair=None if self.repair is None else self.repair.scores(names),
        )

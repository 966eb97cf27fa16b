"""All metrics of a model's coarse and refined maps, image by image and in total."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from idgbr import metrics
from idgbr.metrics.arrays import Counts, Labels, Scores, mean

BOUNDARY_IOU_DISTANCE = 4
"""px, for images of about 1 m and finer."""

TOLERANCES = (1, 3, 5)
"""px of boundary F1."""

GRADES: tuple[metrics.Grade, ...] = ("complete", "partial", "error")


@dataclass(frozen=True)
class Agreement:
    """What all scores of one kind of map against the truth are made of; those of several images add up.

    boundaries_K2, contours_TK4, accuracy_KR2: see `boundary_counts`, `contour_counts_at`, `accuracy_counts`.
    wfm, edged: the sum of WFm over the images with a true edge, and their number.
    """

    confusion: Counts
    boundaries_K2: Counts
    contours_TK4: Counts
    accuracy_KR2: Counts
    wfm: float
    edged: int

    @classmethod
    def of(cls, true_HW: Labels, pred_HW: Labels, codes: Sequence[int], ignore: int) -> Self:
        """Of one image; `ignore` is the value in the truth that is not scored."""
        weighted = metrics.wfm(true_HW, pred_HW, ignore)
        return cls(
            metrics.confusion_matrix(true_HW, pred_HW, codes, ignore),
            metrics.boundary_counts(true_HW, pred_HW, codes, BOUNDARY_IOU_DISTANCE, ignore),
            metrics.contour_counts_at(true_HW, pred_HW, codes, TOLERANCES, ignore),
            metrics.accuracy_counts(true_HW, pred_HW, codes, None, ignore),
            float(np.nan_to_num(weighted)),
            int(np.isfinite(weighted)),
        )

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.confusion + other.confusion,
            self.boundaries_K2 + other.boundaries_K2,
            self.contours_TK4 + other.contours_TK4,
            self.accuracy_KR2 + other.accuracy_KR2,
            self.wfm + other.wfm,
            self.edged + other.edged,
        )

    def scores(self) -> dict[str, float]:
        """Shares, nan where undefined: WFm is the mean over the images, all others come from the summed counts."""
        return {
            "miou": metrics.mean_iou(self.confusion),
            "mf1": metrics.mean_f1(self.confusion),
            "oa": metrics.overall_accuracy(self.confusion),
            "kappa": metrics.kappa(self.confusion),
            "wfm": self.wfm / self.edged if self.edged else float("nan"),
            "biou": metrics.boundary_iou_of(self.boundaries_K2),
            **{
                f"bf1_{tolerance}": metrics.boundary_f1_of(counts_K4)
                for tolerance, counts_K4 in zip(TOLERANCES, self.contours_TK4, strict=True)
            },
            "mba": metrics.mean_boundary_accuracy_of(self.accuracy_KR2),
        }

    def class_scores(self) -> list[dict[str, float]]:
        """Of each class, in the order of `codes`: iou, f1, biou, bf1_1, bf1_3, bf1_5, mba."""
        columns: dict[str, Scores] = {
            "iou": metrics.iou(self.confusion),
            "f1": metrics.f1(self.confusion),
            "biou": metrics.class_boundary_iou(self.boundaries_K2),
            **{
                f"bf1_{tolerance}": metrics.class_boundary_f1(counts_K4)
                for tolerance, counts_K4 in zip(TOLERANCES, self.contours_TK4, strict=True)
            },
            "mba": metrics.class_boundary_accuracy(self.accuracy_KR2),
        }
        return [{name: float(score_K[k]) for name, score_K in columns.items()} for k in range(len(self.confusion))]


@dataclass(frozen=True)
class Repair:
    """What refinement mended and broke; see `repair_counts` and `new_fp_counts`.

    grades: how many cases were mended completely, partially or wrongly; a case is one class in one image.
    """

    counts_K5: Counts
    new_fp: Counts
    grades: Counter[metrics.Grade]

    @classmethod
    def of(cls, true_HW: Labels, coarse_HW: Labels, refined_HW: Labels, codes: Sequence[int], ignore: int) -> Self:
        """Of one image."""
        counts_K5 = metrics.repair_counts(true_HW, coarse_HW, refined_HW, codes, ignore)
        given = [grade for score in metrics.iou_imp(counts_K5) if (grade := metrics.grade(float(score)))]
        return cls(counts_K5, metrics.new_fp_counts(true_HW, coarse_HW, refined_HW, ignore), Counter(given))

    def __add__(self, other: Self) -> Self:
        return type(self)(self.counts_K5 + other.counts_K5, self.new_fp + other.new_fp, self.grades + other.grades)

    def scores(self) -> dict[str, float]:
        """iou_imp (mean over the classes) and new_fp, from the summed counts."""
        return {"iou_imp": mean(metrics.iou_imp(self.counts_K5)), "new_fp": metrics.new_fp_rate(self.new_fp)}

    def class_scores(self) -> list[dict[str, float]]:
        """iou_imp of each class, in the order of `codes`."""
        return [{"iou_imp": float(score)} for score in metrics.iou_imp(self.counts_K5)]


@dataclass(frozen=True)
class Evaluation:
    """One image's maps against the truth, or several images' after adding theirs up; without refiner, the coarse map's
    alone."""

    coarse: Agreement
    refined: Agreement | None
    repair: Repair | None

    @classmethod
    def of(
        cls, true_HW: Labels, coarse_HW: Labels, refined_HW: Labels | None, codes: Sequence[int], ignore: int = 0
    ) -> Self:
        """Of one image, in label codes; refined_HW is None where nothing was refined."""
        coarse = Agreement.of(true_HW, coarse_HW, codes, ignore)
        if refined_HW is None:
            return cls(coarse, None, None)
        return cls(
            coarse,
            Agreement.of(true_HW, refined_HW, codes, ignore),
            Repair.of(true_HW, coarse_HW, refined_HW, codes, ignore),
        )

    def __add__(self, other: Self) -> Self:
        refined = None if self.refined is None or other.refined is None else self.refined + other.refined
        repair = None if self.repair is None or other.repair is None else self.repair + other.repair
        return type(self)(self.coarse + other.coarse, refined, repair)

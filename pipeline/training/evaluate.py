"""`idgbr evaluate`: a model's coarse and refined maps of labelled images, by every metric."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from idgbr import IDGBRPipeline
from idgbr.coarse import NetworkCode
from idgbr.inference.tiling import Corner
from idgbr.metrics.evaluation import Calibrated, Evaluation
from idgbr.metrics.scores import LABELS, EvaluationScores
from idgbr.settings import Settings
from pipeline.console.tables import print_table
from pipeline.errors import UserError
from pipeline.training import dataset
from pipeline.training.image_file import find_place
from pipeline.training.labels import LabelValues
from pipeline.training.pair import read_pair

LabelledImage = tuple[str, np.ndarray, np.ndarray, Corner]
"""Its stem, image_BHW, label_HW, and the absolute (y, x) of its first pixel."""

Listener = Callable[[int, int, str], None]
"""Takes images done, images in all, and the stem of the last one."""


@dataclass(frozen=True)
class LabelledImages:
    """Image and label file by stem, and what their numbers mean."""

    files: dict[str, tuple[Path, Path]]
    values: LabelValues
    bands: tuple[str, ...]
    blank: float | None

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[LabelledImage]:
        """Each read from disk as it is reached; an image without georeference begins at (0, 0)."""
        for stem, (image, label) in self.files.items():
            pair = read_pair(image, label, self.values, self.bands, self.blank)
            place = find_place(image)
            yield stem, *pair, (0, 0) if place is None else place.origin


@dataclass(frozen=True, kw_only=True)
class EvaluationReport(EvaluationScores):
    """Scores of all images together, and of each by its stem.

    seconds_per_megapixel: of making the refined map, coarse one included, without files and a first window to warm up.
    """

    seconds_per_megapixel: float
    images: dict[str, EvaluationScores]


def open_model_and_images(
    folder: Path, data: Path, ignore: Sequence[int] = (), code: NetworkCode | None = None
) -> tuple[IDGBRPipeline, LabelledImages]:
    """A model folder and the labelled images of a data set folder, each read once to check it against the model.

    `ignore`: label values without meaning. `code`: of a coarse network of one's own. Raises UserError for whatever in
    the data does not fit the model.
    """
    files = dataset.pairs(data)
    model = IDGBRPipeline.from_pretrained(folder, code=code)
    settings = model.settings
    _check_metadata(settings, data)
    values = LabelValues(settings.codes, settings.no_label, tuple(ignore), settings.grey)
    images = LabelledImages(files, values, settings.bands, settings.blank)
    for _ in images:  # a pair that cannot be used is told before any is mapped
        pass
    return model.to("cuda" if torch.cuda.is_available() else "cpu"), images


def evaluate(
    model: IDGBRPipeline, images: LabelledImages | Sequence[LabelledImage], listener: Listener
) -> EvaluationReport:
    """All scores of a model on images. Windows lie on the absolute lattice, as in a map of the same pixels."""
    settings = model.settings
    names = [row["name"] for row in settings.classes]
    total: Evaluation | None = None
    scores: dict[str, EvaluationScores] = {}
    seconds = pixels = 0.0
    for stem, image_BHW, label_HW, origin in images:
        if total is None:
            model.maps(image_BHW[None, :, : settings.window, : settings.window])
        calibration = Calibrated(true_HW=label_HW, codes=settings.codes, ignore=settings.no_label)
        start = time.perf_counter()
        maps = model.maps(image_BHW[None], origin=origin, listener=calibration)
        seconds += time.perf_counter() - start - calibration.seconds
        pixels += label_HW.size
        refined_HW = maps.refined_BHW[0] if model.refiner else None
        one = Evaluation.of(label_HW, maps.coarse_BHW[0], refined_HW, settings.codes, settings.no_label, calibration)
        total = one if total is None else total + one
        scores[stem] = one.scores(names)
        listener(len(scores), len(images), stem)
    if total is None:
        raise ValueError("there is no image to evaluate on")
    return EvaluationReport(
        **vars(total.scores(names)), seconds_per_megapixel=round(seconds / pixels * 1e6, 4), images=scores
    )


def print_report(report: EvaluationReport) -> None:
    """Prints tables of all scores: in total, by class, by image."""
    maps = report.maps()
    columns = (*maps, "gain") if len(maps) == 2 else tuple(maps)
    print_scores(f"{len(report.images)} images, % where no unit is named", report)
    rows = [("seconds per megapixel", f"{report.seconds_per_megapixel:.3f}")]
    if report.repair is not None:
        repair = report.repair
        grades = ", ".join(f"{getattr(repair, grade)} {grade}" for grade in ("complete", "partial", "error"))
        rows = [
            ("IoU_imp, %", _number(repair.iou_imp)),
            ("repair, classes of images", grades),
            ("right pixels made wrong, %", _number(repair.new_fp)),
            *rows,
        ]
    print_table("no refiner" if report.repair is None else "refinement", rows)
    for name, title in (
        ("iou", "IoU"),
        ("boundary_iou_4px", LABELS["boundary_iou_4px"]),
        ("cldice", LABELS["cldice"]),
        ("area_bias", "area, mapped too large (+) or too small (-),"),
    ):
        classes = [
            (each, *_numbers([getattr(scores.classes[each], name) for scores in maps.values()]))
            for each in report.coarse.classes
        ]
        print_table(f"{title} by class, %", classes, ("", *columns))
    by_image = [
        (stem, *_numbers([scores.mean_iou for scores in image.maps().values()]))
        for stem, image in report.images.items()
    ]
    print_table("mIoU by image, %", by_image, ("", *columns))


def print_scores(title: str, scores: EvaluationScores) -> None:
    """Prints the scores over all classes that there are: a column a kind of map, and the gain where there are two."""
    maps = scores.maps()
    columns = (*maps, "gain") if len(maps) == 2 else tuple(maps)
    values = {label: [getattr(each, name) for each in maps.values()] for name, label in LABELS.items()}
    rows = [(label, *_numbers(row)) for label, row in values.items() if any(value is not None for value in row)]
    print_table(title, rows, ("", *columns))


def _check_metadata(settings: Settings, data: Path) -> None:
    metadata = dataset.metadata(data)
    if metadata is None:
        return
    codes = sorted(row["code"] for row in metadata["classes"])
    if codes != sorted(settings.codes):
        raise UserError(
            f"{data}/classes.json has the class codes {codes}, but the model {sorted(settings.codes)}; "
            "evaluate on data of the model's classes"
        )
    if metadata["bands"] != tuple(settings.bands):
        raise UserError(
            f"{data}/classes.json has the bands {', '.join(metadata['bands'])}, but the model takes "
            f"{', '.join(settings.bands)}; evaluate on images of the model's bands"
        )


def _numbers(values: Sequence[float | None]) -> list[str]:
    """Cells of one row; of two maps also the refined one's gain."""
    cells = [_number(value) for value in values]
    if len(values) == 2:
        before, after = values
        cells.append("-" if before is None or after is None else f"{after - before:+.2f}")
    return cells


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"

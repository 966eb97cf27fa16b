"""`idgbr evaluate`: a model's coarse and refined maps of labelled images, by every metric."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from idgbr import IDGBRPipeline
from idgbr.metrics.evaluation import BOUNDARY_IOU_DISTANCE, GRADES, TOLERANCES, Agreement, Evaluation
from idgbr.settings import Settings
from pipeline.console.tables import table
from pipeline.errors import UserError
from pipeline.training import dataset

Report = Callable[[int, int, str], None]

NAMES = {
    "miou": "mIoU",
    "mf1": "mean F1",
    "oa": "overall accuracy",
    "kappa": "kappa",
    "wfm": "WFm (edges)",
    "biou": f"boundary IoU ({BOUNDARY_IOU_DISTANCE} px)",
    **{f"bf1_{px}": f"boundary F1 ({px} px)" for px in TOLERANCES},
    "mba": "mean boundary accuracy",
}
FIGURES = 4


@dataclass(frozen=True)
class Subject:
    """A model, and labelled images that fit it: by stem the image and the label file, and what label values mean."""

    model: IDGBRPipeline
    files: dict[str, tuple[Path, Path]]
    values: dataset.LabelValues


def prepare(folder: Path, data: Path, ignore: Sequence[int] = ()) -> Subject:
    """Loads a model folder and reads a whole data set folder once, so that nothing is computed in vain.

    `ignore`: label values without meaning. Raises UserError for whatever in the data does not fit the model.
    """
    files = dataset.pairs(data)
    model = IDGBRPipeline.from_pretrained(folder)
    settings = model.settings
    _check_about(settings, data)
    values = dataset.LabelValues(settings.codes, settings.no_label, tuple(ignore), settings.grey)
    for image, label in files.values():
        image_BHW, _ = dataset.read_pair(image, label, values)
        if len(image_BHW) != len(settings.bands):
            raise UserError(
                f"{image} has {len(image_BHW)} bands, but the model takes {len(settings.bands)}: "
                f"{', '.join(settings.bands)}; evaluate on images of the model's bands"
            )
    return Subject(model.to("cuda" if torch.cuda.is_available() else "cpu"), files, values)


def evaluate(subject: Subject, report: Report) -> dict[str, Any]:
    """All scores of a model on its images, JSON-able, in percent (None where undefined).

    "coarse" and "refined" (None without refiner): the names in NAMES and "classes"; "iou_imp" and "new_fp" (see
    `idgbr.metrics`); "repair": classes of images by grade; "seconds_per_megapixel": of making the refined map, coarse
    one included, files and a first window to warm up not; "images": the same scores by stem.
    """
    model, settings = subject.model, subject.model.settings
    names = [row["name"] for row in settings.classes]
    total: Evaluation | None = None
    images: dict[str, Any] = {}
    seconds = pixels = 0.0
    for stem, pair in subject.files.items():
        image_BHW, label_HW = dataset.read_pair(*pair, subject.values)
        if total is None:
            model.maps(image_BHW[None, :, : settings.window, : settings.window])
        start = time.perf_counter()
        maps = model.maps(image_BHW[None])
        seconds += time.perf_counter() - start
        pixels += label_HW.size
        refined_HW = maps.refined_BHW[0] if model.refiner else None
        one = Evaluation.of(label_HW, maps.coarse_BHW[0], refined_HW, settings.codes, settings.no_label)
        total = one if total is None else total + one
        images[stem] = told(one, names)
        report(len(images), len(subject.files), stem)
    assert total is not None, "pairs() gives at least one"
    return {**told(total, names), "seconds_per_megapixel": round(seconds / pixels * 1e6, FIGURES), "images": images}


def told(found: Evaluation, names: Sequence[str]) -> dict[str, Any]:
    """Scores as JSON-able percent: "coarse", "refined", "iou_imp", "new_fp" and "repair"."""
    coarse, refined = found.coarse, found.refined
    if refined is None or found.repair is None:
        nothing = {"refined": None, "iou_imp": None, "new_fp": None, "repair": None}
        return {"coarse": _map(coarse, names, [{}] * len(names)), **nothing}
    return {
        "coarse": _map(coarse, names, [{}] * len(names)),
        "refined": _map(refined, names, found.repair.class_scores()),
        **_percent(found.repair.scores()),
        "repair": {grade: found.repair.grades[grade] for grade in GRADES},
    }


def show(found: dict[str, Any]) -> None:
    """Prints `evaluate`'s answer as tables: in total, by class, by image."""
    maps = [which for which in ("coarse", "refined") if found[which]]
    columns = (*maps, "gain") if len(maps) == 2 else maps
    rows = [(name, *_row([found[which][key] for which in maps])) for key, name in NAMES.items()]
    table(f"{len(found['images'])} images, %", rows, ("", *columns))
    more = [("seconds per megapixel", f"{found['seconds_per_megapixel']:.3f}")]
    if found["refined"]:
        grades = ", ".join(f"{count} {grade}" for grade, count in found["repair"].items())
        more = [
            ("IoU_imp, %", _number(found["iou_imp"])),
            ("repair, classes of images", grades),
            ("right pixels made wrong, %", _number(found["new_fp"])),
            *more,
        ]
    table("refinement" if found["refined"] else "no refiner", more)
    for key, title in (("iou", "IoU"), ("biou", "boundary IoU")):
        classes = [
            (name, [found[which]["classes"][name][key] for which in maps]) for name in found["coarse"]["classes"]
        ]
        table(f"{title} by class, %", [(name, *_row(values)) for name, values in classes], ("", *columns))
    by_image = [(stem, *_row([one[which]["miou"] for which in maps])) for stem, one in found["images"].items()]
    table("mIoU by image, %", by_image, ("", *columns))


def _check_about(settings: Settings, data: Path) -> None:
    about = dataset.about(data)
    if about is None:
        return
    codes = sorted(row["code"] for row in about["classes"])
    if codes != sorted(settings.codes):
        raise UserError(
            f"{data}/classes.json has the class codes {codes}, but the model {sorted(settings.codes)}; "
            "evaluate on data of the model's classes"
        )
    if about["bands"] != tuple(settings.bands):
        raise UserError(
            f"{data}/classes.json has the bands {', '.join(about['bands'])}, but the model takes "
            f"{', '.join(settings.bands)}; evaluate on images of the model's bands"
        )


def _map(found: Agreement, names: Sequence[str], more: Sequence[dict[str, float]]) -> dict[str, Any]:
    classes = zip(names, found.class_scores(), more, strict=True)
    return {**_percent(found.scores()), "classes": {name: _percent({**own, **add}) for name, own, add in classes}}


def _percent(scores: dict[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(score) else round(100 * score, FIGURES) for name, score in scores.items()}


def _row(values: Sequence[float | None]) -> list[str]:
    """Numbers of one line; of two maps also the refined one's gain."""
    shown = [_number(value) for value in values]
    if len(values) == 2:
        before, after = values
        shown.append("-" if before is None or after is None else f"{after - before:+.2f}")
    return shown


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"

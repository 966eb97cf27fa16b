"""Coarse and refined maps of the test places, and every score of them."""

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from idgbr import IDGBRPipeline
from idgbr.inference.band import band
from idgbr.inference.certainty import certainty
from idgbr.metrics.evaluation import Calibrated, Evaluation
from idgbr.settings import Settings
from science.place import Place, Result
from science.sets import read

RADIUS, THRESHOLD = Settings.boundary_radius, Settings.uncertainty_threshold


def scores(
    model: IDGBRPipeline,
    place: Place,
    name: str,
    keep: Path | None,
    refine: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    images: dict[str, tuple[np.ndarray, np.ndarray]] | None = None,
) -> Result:
    """images: to score instead of those of the test places."""
    total, gated, seconds, megapixels, edited, harmed = None, None, 0.0, 0.0, 0, 0
    by_image = {}
    names = [row["name"] for row in model.settings.classes]
    images = read(name, True, place.home, place.preset.centre) if images is None else images
    for stem, (image_CHW, label_HW) in images.items():
        calibration = Calibrated(true_HW=label_HW, codes=model.settings.codes, ignore=model.settings.no_label)
        began = time.monotonic()
        found = model.maps(image_CHW[None], listener=calibration)
        refined_HW = found.refined_BHW[0] if refine is None else refine(image_CHW, found.coarse_BHW[0])
        seconds += time.monotonic() - began - calibration.seconds
        if refine is not None:
            calibration.refined = None
        megapixels += label_HW.size / 1e6
        coarse_HW, editable_HW = found.coarse_BHW[0], found.editable_BHW[0]
        edited += int(editable_HW.sum())
        harmed += int(((refined_HW != coarse_HW) & ~editable_HW).sum()) if refine is None else 0
        one = Evaluation.of(label_HW, coarse_HW, refined_HW, model.settings.codes, model.settings.no_label, calibration)
        by_image[stem] = asdict(one.scores(names))
        total = one if total is None else total + one
        if model.settings.uncertainty_threshold == 1:
            logits_KHW = torch.from_numpy(model.coarse_probabilities(image_CHW[None])[0]).log()
            margin_HW = certainty(logits_KHW, model.settings.codes).margin_HW
            allowed_HW = band(torch.from_numpy(coarse_HW), margin_HW, RADIUS, THRESHOLD).numpy()
            bounded_HW = np.where(allowed_HW, refined_HW, coarse_HW)
            one = Evaluation.of(label_HW, coarse_HW, bounded_HW, model.settings.codes, model.settings.no_label)
            gated = one if gated is None else gated + one
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(keep / f"{stem}.npz", coarse=coarse_HW, refined=refined_HW)
    assert total is not None
    counts_K = total.coarse.confusion.sum(1)
    return asdict(total.scores(names)) | {
        "class_share": (100 * counts_K / counts_K.sum()).tolist(),
        "seconds_per_megapixel": round(seconds / megapixels, 3),
        "editable": edited / (1e6 * megapixels),
        "changed_outside": harmed,
        "gated": None if gated is None else asdict(gated.scores(names)),
        "images": by_image,
    }

"""What a model's confidence and areas are worth, from its maps of labelled areas that no network was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from idgbr.classes import class_index
from idgbr.pipeline import IDGBRPipeline
from idgbr.settings import AreaErrors
from idgbr.training.area_errors import area_errors, area_shares
from idgbr.training.crops import Pair, check_each
from idgbr.training.temperature import PixelScores, temperature


@dataclass(frozen=True)
class Calibration:
    """temperature, to three decimals, and area_errors: those of `idgbr.Settings`."""

    temperature: float
    area_errors: AreaErrors | None


def calibrate(model: IDGBRPipeline, pairs: Sequence[Pair]) -> Calibration:
    """Maps each area once. InputError where no pixel has both data and a label, and for what is no pair."""
    settings, plain = model.settings, model.with_settings(temperature=1.0)
    check_each(pairs, len(settings.bands), settings.codes, settings.no_label)
    pixels, shares = [], []
    for image_CHW, label_HW in pairs:
        pixels.append(PixelScores(class_index(label_HW, settings.codes, settings.no_label)))
        mapped_HW = plain.maps(image_CHW[None], listener=pixels[-1]).refined_BHW[0]
        shares += area_shares(label_HW, mapped_HW, settings.codes, settings.no_label)
    logit_NK = np.concatenate([part_NK for each in pixels for part_NK in each.logits_NK])
    index_N = np.concatenate([part_N for each in pixels for part_N in each.indices_N])
    return Calibration(round(temperature(logit_NK, index_N), 3), area_errors(shares))

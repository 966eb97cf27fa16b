"""What the probability of change between its two mosaics says of a block."""

from dataclasses import dataclass

import numpy as np

from pipeline.change.alerts import Alerts, confirmed, count_views
from pipeline.change.parts import WHOLE, changed_parts, mask_of
from pipeline.change.score import PERCENT, block_score, in_patches
from pipeline.config.sections import ChangeSettings
from pipeline.geometry.grid import Window


@dataclass(frozen=True)
class Verdict:
    """score: of the block, in percent. better: see `views.better_views`. alerts: after this view. parts: those to take
    of the new mosaic. rest: score of the others."""

    score: int
    better: int
    alerts: Alerts
    parts: int
    rest: int


def verdict(
    percent_HW: np.ndarray,
    known_HW: np.ndarray,
    seen_HW: np.ndarray,
    day_HW: np.ndarray,
    alerts: Alerts,
    better: int,
    settings: ChangeSettings,
    pixels: int,
    window: Window,
    block: Window,
) -> tuple[Verdict, np.ndarray]:
    """Of a block, and which of its pixels have changed for certain on ground that was known before, bool HW.

    Arrays are of `window`, the part of the block in the region. percent: of change, see `score.percent_of`. known,
    seen: whether the old and the new mosaic have data. day: last clear observation of the new one. alerts: before this
    view. pixels: of the smallest patch. Of ground that is first seen no view has to confirm anything. Where anything is
    taken and the views are far better, all of the block is.
    """
    patch_HW = in_patches(percent_HW >= round(settings.threshold * PERCENT), pixels)
    alerts = count_views(patch_HW, day_HW, pixels, window, block, alerts)
    taken_HW = confirmed(patch_HW, alerts, settings.confirm, window, block) | in_patches(seen_HW & ~known_HW, pixels)
    parts = changed_parts(taken_HW, window, block)
    if parts and settings.better and better >= round(settings.better * PERCENT):
        taken_HW, parts = patch_HW, WHOLE
    score = rest = block_score(percent_HW, pixels)
    if parts:
        rest = block_score(np.where(mask_of(parts, window, block), np.uint8(0), percent_HW), pixels)
    return Verdict(score, better, alerts, parts, rest), taken_HW & known_HW

"""How much better the views of a new mosaic are than those that a map was made from."""

from dataclasses import dataclass

import numpy as np

from pipeline.change.score import PERCENT
from pipeline.mosaic.best import day_term


@dataclass(frozen=True)
class Views:
    """Clear views of a mosaic: their number, and the days since 1970-01-01 of the first and the last (0 = none), HW."""

    observations_HW: np.ndarray
    first_clear_HW: np.ndarray
    last_clear_HW: np.ndarray


def better_views(before: Views, after: Views, day_of_year: int | None) -> int:
    """By how many percent the views after are better, as a mean of the pixels that they show; 0 if they show none.

    Of a pixel it is the greater of two gains, each at most 1. Of number: by how much the standard error of a mean of n
    clear views, 1 / sqrt(n) of that of one, is less; 1 where there was none. Of day: by how much the term of the day in
    the score of `mosaic.best` is more, taken of the first or the last clear view, whichever lies nearer to the
    preferred day; without such a day the number counts alone.
    """
    shown_HW = after.observations_HW > 0
    if not shown_HW.any():
        return 0
    before_N, after_N = (views.observations_HW[shown_HW].astype(np.float64) for views in (before, after))
    gain_N = np.where(before_N > 0, 1 / np.sqrt(np.maximum(before_N, 1)) - 1 / np.sqrt(after_N), 1)
    if day_of_year is not None:
        terms_N = [_day_terms(views, shown_HW, day_of_year) for views in (before, after)]
        gain_N = np.maximum(gain_N, terms_N[1] - terms_N[0])
    return round(float(np.clip(gain_N, 0, 1).mean()) * PERCENT)


def _day_terms(views: Views, shown_HW: np.ndarray, day_of_year: int) -> np.ndarray:
    """Of each pixel shown; 0 where it has no clear view."""
    days_2N = np.stack([views.first_clear_HW[shown_HW], views.last_clear_HW[shown_HW]])
    day_D, at_2N = np.unique(days_2N, return_inverse=True)
    term_D = np.array([day_term(int(day), day_of_year) if day else 0.0 for day in day_D])
    return term_D[at_2N.reshape(days_2N.shape)].max(axis=0)

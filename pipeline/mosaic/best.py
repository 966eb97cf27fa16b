"""The best available pixel of views."""

import math
from calendar import isleap
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import torch

from pipeline.mosaic.stack import MapRows
from pipeline.mosaic.view import PassView

# Weights of day, distance from clouds and haze in the score of `best`: Griffiths et al. 2013 (IEEE JSTARS 6(5)) rank
# day and distance alike; haze as the Haze Optimized Transformation (Zhang et al. 2002), blue - 0.5 red of reflectance.
WEIGHT = {"day": 1.0, "cloud": 1.0, "haze": 1.0}
DAYS = 30
CLOUD_METRES = 1_000
HAZE = 0.08


@dataclass(frozen=True)
class BestParams:
    """The preferred day of the year (1 to 366), and the indices of blue and red among the bands; None where the values
    are no reflectance, so that they do not tell haze."""

    day_of_year: int
    blue_red: tuple[int, int] | None


def best(views: Iterable[PassView], params: BestParams | None = None, map_rows: MapRows = map) -> torch.Tensor:
    """The clear pixel with the highest score; at a tie that of the earlier view.

    The score is the sum of three terms between 0 and 1. Day: exp(-0.5 (d / 30)^2), d days from `params.day_of_year`
    around the year. Distance from the nearest cloud: linear from 0 at the cloud to 1 at 1 km. Clear air: linear from 1
    at a haze (blue - 0.5 red) of 0 or less to 0 at 0.08; left out where `params` names no bands for it.
    """
    assert params is not None, "best needs its parameters"
    chosen_BHW = score_HW = None
    for view in views:
        value_BHW = view.value_BHW
        new_HW = torch.zeros(view.clear_HW.shape, device=value_BHW.device)
        if params.blue_red is not None:
            blue_HW, red_HW = (value_BHW[band].float() for band in params.blue_red)
            haze_HW = (blue_HW - red_HW * 0.5) * (1 / (HAZE * 10_000))
            new_HW = (1 - haze_HW).clamp_(0, 1) * WEIGHT["haze"]
        new_HW += WEIGHT["day"] * day_term(view.day, params.day_of_year)
        if view.cloud_HW is not None:
            new_HW += (view.cloud_HW * (1 / CLOUD_METRES)).clamp_(max=1) * WEIGHT["cloud"]
        new_HW = torch.where(view.clear_HW, new_HW, -1)
        if chosen_BHW is None or score_HW is None:
            chosen_BHW, score_HW = torch.where(new_HW >= 0, value_BHW, 0), new_HW
            continue
        better_HW = new_HW > score_HW
        chosen_BHW = torch.where(better_HW, value_BHW, chosen_BHW)
        score_HW = torch.where(better_HW, new_HW, score_HW)
    assert chosen_BHW is not None, "at least one view is required"
    return chosen_BHW


def day_term(day: int, day_of_year: int) -> float:
    """How near a day (since 1970-01-01) is to the preferred day of the year: 1 on it, towards 0 half a year away."""
    return math.exp(-0.5 * (_days_apart(day, day_of_year) / DAYS) ** 2)


def _days_apart(day: int, day_of_year: int) -> int:
    on = date(1970, 1, 1) + timedelta(day)
    apart = abs(on.timetuple().tm_yday - day_of_year)
    return min(apart, (366 if isleap(on.year) else 365) - apart)

"""From many views of a place to one picture: median, geometric median, mean, best available pixel.

Each takes views in their order, and how to go through rows, and gives int16 BHW, 0 where no view is clear. No result of
a pixel depends on any other pixel, nor on how many rows are done at once.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import torch

UNSEEN = 32_767
"""Marks what is not clear in a view; reflectance x 10,000 lies in 1 .. 32,766."""
IN_CACHE = 2**19
STEPS = 10


MapRows = Callable[[Callable[[int], None], Iterable[int]], Iterable[None]]
"""How rows are gone through: `map`, or that of a pool of threads."""


@dataclass(frozen=True)
class PassView:
    """One pass over a window: reflectance x 10,000 int16 BHW (UNSEEN where not clear), the day it was seen (since
    1970-01-01), and how far the nearest cloud is, in metres, float32 HW (None where nobody asks)."""

    value_BHW: torch.Tensor
    day: int
    cloud_HW: torch.Tensor | None = None

    @property
    def clear_HW(self) -> torch.Tensor:
        return self.value_BHW[0] != UNSEEN


@dataclass(frozen=True)
class BestParams:
    """What `best` looks for: a day of the year, clear air (the places of blue and red among the bands), distance from
    clouds."""

    day_of_year: int
    blue: int
    red: int


def median(views: Iterable[PassView], wanted: BestParams | None = None, run: MapRows = map) -> torch.Tensor:
    """The middle value, band by band; of an even number the mean of the middle two, half rounded up."""

    def reduce(value_NBHW: torch.Tensor) -> torch.Tensor:
        count_HW = (value_NBHW[:, 0] != UNSEEN).sum(0)
        for low, high in _network(len(value_NBHW)):
            smaller = torch.minimum(value_NBHW[low], value_NBHW[high])
            torch.maximum(value_NBHW[low], value_NBHW[high], out=value_NBHW[high])
            value_NBHW[low] = smaller
        lower_HW, upper_HW = (count_HW - 1).clamp_(min=0) >> 1, count_HW >> 1
        lower_BHW, upper_BHW = (
            value_NBHW.gather(0, at_HW.expand(1, *value_NBHW.shape[1:]))[0].int() for at_HW in (lower_HW, upper_HW)
        )
        return torch.where(count_HW > 0, (lower_BHW + upper_BHW + 1) >> 1, 0).short()

    return _stacked(views, reduce, run)


def geometric_median(views: Iterable[PassView], wanted: BestParams | None = None, run: MapRows = map) -> torch.Tensor:
    """The spectrum nearest to all spectra of a pixel: smallest sum of Euclidean distances (Weiszfeld 1937).

    Iterates from the mean until a pixel moves by less than 0.01 (1e-6 of reflectance), at most 500 times.
    """

    def reduce(value_NBHW: torch.Tensor) -> torch.Tensor:
        value_NBP = value_NBHW.flatten(2).float()
        clear_NP = (value_NBP[:, 0] != UNSEEN).float()
        count_P = _sum(clear_NP)
        here_BP = _weighted_mean(value_NBP, clear_NP)
        moving_M = (count_P > 2).nonzero()[:, 0]
        for _ in range(500 // STEPS):
            if not len(moving_M):
                break
            value_NBM, clear_NM = value_NBP[..., moving_M], clear_NP[:, moving_M]
            here_BM, moves_M = _towards(value_NBM, clear_NM, here_BP[:, moving_M])
            here_BP[:, moving_M] = here_BM
            moving_M = moving_M[moves_M]
        return ((here_BP + 0.5).floor() * (count_P > 0)).short().view(value_NBHW.shape[1:])

    return _stacked(views, reduce, run)


def _towards(
    value_NBM: torch.Tensor, clear_NM: torch.Tensor, here_BM: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Some of Weiszfeld's steps, and which pixels move on; one that has come to rest stays."""
    moves_M = torch.ones(here_BM.shape[1], dtype=torch.bool, device=here_BM.device)
    for _ in range(STEPS):
        there_BM = _weighted_mean(value_NBM, clear_NM / _norm(value_NBM, here_BM).clamp_(min=1e-3))
        step_M = _norm(there_BM[None], here_BM)[0]
        here_BM = torch.where(moves_M, there_BM, here_BM)
        moves_M &= step_M >= 0.01
    return here_BM, moves_M


def mean(views: Iterable[PassView], wanted: BestParams | None = None, run: MapRows = map) -> torch.Tensor:
    """The mean of the clear values, half rounded up."""
    total_BHW = count_HW = None
    for view in views:
        clear_HW = view.clear_HW
        value_BHW = view.value_BHW.int() * clear_HW
        total_BHW = value_BHW if total_BHW is None else total_BHW.add_(value_BHW)
        count_HW = clear_HW.int() if count_HW is None else count_HW.add_(clear_HW)
    assert total_BHW is not None and count_HW is not None, "somebody gave no views"
    return ((2 * total_BHW + count_HW) // (2 * count_HW).clamp_(min=1)).short()


# Weights of day, distance from clouds and haze in the score of `best`: Griffiths et al. 2013 (IEEE JSTARS 6(5)) rank
# day and distance alike; haze as the Haze Optimized Transformation (Zhang et al. 2002), blue - 0.5 red of reflectance.
WEIGHT = {"day": 1.0, "cloud": 1.0, "haze": 1.0}
DAYS = 30
CLOUD_METRES = 1_000
HAZE = 0.08


def best(views: Iterable[PassView], wanted: BestParams | None = None, run: MapRows = map) -> torch.Tensor:
    """The clear pixel of the highest score, the earlier view at a tie.

    The score adds three parts between 0 and 1: the day, exp(-0.5 (d / 30)^2) of the days d to the day wanted, around
    the year; the distance from the nearest cloud, 0 at it and 1 from 1 km; and clear air, 1 at a haze of 0 or less
    and 0 from 0.08 (blue - 0.5 red).
    """
    assert wanted is not None, "best needs to know what is wanted"
    chosen_BHW = score_HW = None
    for view in views:
        value_BHW = view.value_BHW
        haze_HW = (value_BHW[wanted.blue].float() - value_BHW[wanted.red].float() * 0.5) * (1 / (HAZE * 10_000))
        new_HW = (1 - haze_HW).clamp_(0, 1) * WEIGHT["haze"]
        new_HW += WEIGHT["day"] * math.exp(-0.5 * (_days_apart(view.day, wanted.day_of_year) / DAYS) ** 2)
        if view.cloud_HW is not None:
            new_HW += (view.cloud_HW * (1 / CLOUD_METRES)).clamp_(max=1) * WEIGHT["cloud"]
        new_HW = torch.where(view.clear_HW, new_HW, -1)
        if chosen_BHW is None or score_HW is None:
            chosen_BHW, score_HW = torch.where(new_HW >= 0, value_BHW, 0), new_HW
            continue
        better_HW = new_HW > score_HW
        chosen_BHW = torch.where(better_HW, value_BHW, chosen_BHW)
        score_HW = torch.where(better_HW, new_HW, score_HW)
    assert chosen_BHW is not None, "somebody gave no views"
    return chosen_BHW


Method = Callable[[Iterable[PassView], BestParams | None, MapRows], torch.Tensor]
METHODS: dict[str, Method] = {"median": median, "geometric-median": geometric_median, "mean": mean, "best": best}
STACKED = ("median", "geometric-median")
"""Methods that must hold all views of a pixel at once; the others pass over them."""


def _stacked(views: Iterable[PassView], reduce: Callable[[torch.Tensor], torch.Tensor], run: MapRows) -> torch.Tensor:
    """Reduces NBHW to BHW, so few rows at once that they stay in the processor's cache."""
    values = [view.value_BHW for view in views]
    bands, height, width = values[0].shape
    rows = max(1, IN_CACHE // (len(values) * bands * width))
    result_BHW = torch.empty_like(values[0])

    def reduce_rows(y: int) -> None:
        rows_NBHW = torch.stack([value_BHW[:, y : y + rows] for value_BHW in values])
        result_BHW[:, y : y + rows] = reduce(rows_NBHW)

    for _ in run(reduce_rows, range(0, height, rows)):
        pass
    return result_BHW


def _network(n: int) -> Iterator[tuple[int, int]]:
    """Comparisons that sort n values: Batcher's merge exchange (Knuth, The Art of Computer Programming, 5.2.2 M)."""
    top = 1 << max(n - 1, 0).bit_length() >> 1
    p = top
    while p:
        q, r, d = top, 0, p
        while True:
            yield from ((i, i + d) for i in range(n - d) if i & p == r)
            if q == p:
                break
            d, q, r = q - p, q >> 1, p
        p >>= 1


def _sum(value_NHW: torch.Tensor) -> torch.Tensor:
    """Adds up in order: torch.sum is free to choose its own."""
    total_HW = torch.zeros_like(value_NHW[0])
    for value_HW in value_NHW:
        total_HW += value_HW
    return total_HW


def _weighted_mean(value_NBHW: torch.Tensor, weight_NHW: torch.Tensor) -> torch.Tensor:
    total_BHW = torch.zeros_like(value_NBHW[0])
    for value_BHW, weight_HW in zip(value_NBHW, weight_NHW, strict=True):
        total_BHW += value_BHW * weight_HW
    return total_BHW / _sum(weight_NHW).clamp(min=1e-12)


def _norm(value_NBHW: torch.Tensor, centre_BHW: torch.Tensor) -> torch.Tensor:
    square_NHW = torch.zeros_like(value_NBHW[:, 0])
    for value_NHW, centre_HW in zip(value_NBHW.unbind(1), centre_BHW, strict=True):
        step_NHW = value_NHW - centre_HW
        square_NHW += step_NHW * step_NHW
    return square_NHW.sqrt_()


def _days_apart(day: int, day_of_year: int) -> int:
    apart = abs((date(1970, 1, 1) + timedelta(day)).timetuple().tm_yday - day_of_year)
    return min(apart, 365 - apart)

"""The geometric median of views."""

from collections.abc import Iterable

import torch

from pipeline.mosaic.best import BestParams
from pipeline.mosaic.stack import MapRows, reduce_stack
from pipeline.mosaic.view import UNSEEN, PassView

STEPS = 10
"""Steps between checks for convergence."""
MAX_STEPS = 500


def geometric_median(
    views: Iterable[PassView], params: BestParams | None = None, map_rows: MapRows = map
) -> torch.Tensor:
    """The spectrum with the smallest sum of Euclidean distances to a pixel's clear spectra (Weiszfeld 1937).

    Iterates from the mean until a step is shorter than 0.01 (1e-6 of reflectance), at most 500 times.
    """

    def reduce(value_NBHW: torch.Tensor) -> torch.Tensor:
        value_NBP = value_NBHW.flatten(2).float()
        clear_NP = (value_NBP[:, 0] != UNSEEN).float()
        count_P = _sum(clear_NP)
        estimate_BP = _weighted_mean(value_NBP, clear_NP)
        moving_M = (count_P > 2).nonzero()[:, 0]
        for _ in range(MAX_STEPS // STEPS):
            if not len(moving_M):
                break
            value_NBM, clear_NM = value_NBP[..., moving_M], clear_NP[:, moving_M]
            estimate_BM, moves_M = _iterate(value_NBM, clear_NM, estimate_BP[:, moving_M])
            estimate_BP[:, moving_M] = estimate_BM
            moving_M = moving_M[moves_M]
        return ((estimate_BP + 0.5).floor() * (count_P > 0)).short().view(value_NBHW.shape[1:])

    return reduce_stack(views, reduce, map_rows)


def _iterate(
    value_NBM: torch.Tensor, clear_NM: torch.Tensor, estimate_BM: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Takes STEPS of Weiszfeld's steps; also returns which pixels have not converged. Converged pixels stay."""
    moves_M = torch.ones(estimate_BM.shape[1], dtype=torch.bool, device=estimate_BM.device)
    for _ in range(STEPS):
        next_BM = _weighted_mean(value_NBM, clear_NM / _norm(value_NBM, estimate_BM).clamp_(min=1e-3))
        step_M = _norm(next_BM[None], estimate_BM)[0]
        estimate_BM = torch.where(moves_M, next_BM, estimate_BM)
        moves_M &= step_M >= 0.01
    return estimate_BM, moves_M


def _sum(value_NHW: torch.Tensor) -> torch.Tensor:
    """The sum over N in order: torch.sum may choose another order, and so other bits."""
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

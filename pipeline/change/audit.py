"""Audit of what a change model lets an update skip: a sample of these blocks is mapped all the same.

Strata are the blocks of low, middle and high score. In a sample of which few blocks show any change the normal
approximation promises too much: then the upper limits are those of Stringer (1963, Proceedings of the Business and
Economic Statistics Section, American Statistical Association, 405-411), which auditors use for the same reason: they
hold for values that are nearly all zero, given that no block can have changed by more than its own area.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import beta

from pipeline.analysis.estimators import Estimate, total
from pipeline.change.score import in_patches
from pipeline.geometry.grid import BlockId

LEAST = 2
"""Blocks of a stratum that are audited at least, if it has as many: one tells no variance."""
TAIL = 0.025
SURE = 50
"""Percent of confidence that both maps must have where a difference counts as a change of the ground."""


@dataclass(frozen=True)
class Judged:
    """A block that was mapped although it would have been skipped, or because it was not.

    stratum: its number, None for a block that was not skipped. size, taken: blocks of the stratum, and those audited.
    changed_km2, flicker_km2: see `differences`. seconds: of the device.
    """

    block: BlockId
    score: int
    changed_km2: float
    flicker_km2: float
    seconds: float
    stratum: int | None = None
    size: int = 1
    taken: int = 1


@dataclass(frozen=True)
class Audit:
    """What an audit says, each with its 95 % interval.

    skipped, audited: number of blocks. missed_km2: changed area in the blocks skipped, those included that the audit
    has found and mended. recall: share of the changed area that was mapped because the change model asked for it; None
    where nothing has changed. flicker_km2: area in the blocks skipped that would have another class although the ground
    is the same. saved_seconds: of the device, less those of the change model and of the audit; None where these are not
    known, for the update was interrupted.
    """

    skipped: int
    audited: int
    missed_km2: Estimate
    recall: Estimate | None
    flicker_km2: Estimate
    saved_seconds: Estimate | None


def draw_audit(score_N: np.ndarray, share: float, threshold: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The stratum of each skipped block by its score in percent, and whether it is audited.

    Strata: score 0, below half the threshold, and from there on. Each gives `share` of its blocks, rounded up, and at
    least LEAST. Depends on the order of blocks and the seed alone.
    """
    stratum_N = np.digitize(score_N, [1, max(threshold / 2, 1)])
    taken_N = np.zeros(len(score_N), bool)
    rng = np.random.default_rng(seed)
    for stratum in np.unique(stratum_N).tolist() if share > 0 else []:
        members = np.flatnonzero(stratum_N == stratum)
        count = min(max(math.ceil(share * len(members)), LEAST), len(members))
        taken_N[rng.choice(members, count, replace=False)] = True
    return stratum_N, taken_N


def differences(
    old_HW: np.ndarray, new_HW: np.ndarray, old_confidence_HW: np.ndarray, new_confidence_HW: np.ndarray, pixels: int
) -> tuple[int, int]:
    """Pixels of two maps of class codes (0 = no data) whose ground has changed, and pixels that flicker.

    Changed: the class differs in a patch of at least `pixels`, everywhere with a confidence of SURE percent in both
    maps. Flicker: it differs elsewhere. A pixel with a class in one map only counts as neither.
    """
    differ_HW = (old_HW != new_HW) & (old_HW > 0) & (new_HW > 0)
    sure_HW = differ_HW & (old_confidence_HW >= SURE) & (new_confidence_HW >= SURE)
    changed = int(np.count_nonzero(in_patches(sure_HW, pixels)))
    return changed, int(np.count_nonzero(differ_HW)) - changed


def judge(blocks: Sequence[Judged], sizes: Sequence[int], block_km2: float, spent_seconds: float | None) -> Audit:
    """What an audit says. sizes: skipped blocks of each stratum. block_km2: area of a whole block.

    spent_seconds: of the device by the change model and the audit, None where not all of them are known.
    """
    audited = [each for each in blocks if each.stratum is not None]
    detected = sum(each.changed_km2 for each in blocks if each.stratum is None)
    strata = sorted({each.stratum for each in audited if each.stratum is not None})
    at_N = np.array([strata.index(each.stratum) for each in audited if each.stratum is not None], int)
    size_S = np.array([sizes[stratum] for stratum in strata])
    missed = bounded_total(np.array([each.changed_km2 for each in audited]), at_N, size_S, block_km2)
    flicker = bounded_total(np.array([each.flicker_km2 for each in audited]), at_N, size_S, block_km2)
    saved = None
    if spent_seconds is not None:
        seconds = total(np.array([each.seconds for each in audited]), at_N, size_S) if audited else Estimate(0, 0, 0, 0)
        low, value, high = (each - spent_seconds for each in (seconds.low, seconds.value, seconds.high))
        saved = Estimate(value, seconds.standard_error, low, high)
    return Audit(sum(sizes), len(audited), missed, recall_of(detected, missed), flicker, saved)


def recall_of(detected: float, missed: Estimate) -> Estimate | None:
    """Share of all change that was detected, whose amount is known, by an estimate of what was missed."""
    if detected + missed.high == 0:
        return None

    def share(lost: float) -> float:
        return detected / (detected + lost) if detected + lost else 1.0

    value = share(missed.value)
    slope = detected / (detected + missed.value) ** 2 if detected + missed.value else 0.0
    return Estimate(value, slope * missed.standard_error, share(missed.high), share(missed.low))


def bounded_total(value_N: np.ndarray, stratum_N: np.ndarray, size_S: np.ndarray, most: float) -> Estimate:
    """Total of values from 0 to `most` over finite strata, from a stratified random sample.

    As `estimators.total`, with the upper limit at least Stringer's and the lower at least what the sample itself holds.
    Strata that are counted whole are certain. The others count as one sample, since each gives nearly the same share of
    its blocks: a unit of a smaller weight than the greatest counts as one of that weight and of a smaller value.
    """
    if not len(value_N):
        return Estimate(0.0, 0.0, 0.0, float(size_S.sum() * most))
    normal = total(value_N, stratum_N, size_S)
    weight_N = (size_S / np.bincount(stratum_N, minlength=len(size_S)))[stratum_N]
    open_N, sampled = weight_N > 1, float(value_N.sum())
    high = float(value_N[~open_N].sum())
    if open_N.any():
        great, units = float(weight_N[open_N].max()), int(open_N.sum())
        bound = great * units * most * stringer(value_N[open_N] * weight_N[open_N] / great / most)
        high += min(bound, float(value_N[open_N].sum()) + (float(size_S.sum()) - len(value_N)) * most)
    return replace(normal, low=min(max(normal.low, sampled), normal.value), high=max(normal.high, high))


def stringer(share_N: np.ndarray) -> float:
    """Upper limit, with an error of TAIL, of the mean of a population of shares from 0 to 1, from a random sample."""
    n, share_M = len(share_N), -np.sort(-share_N[share_N > 0])
    errors = np.arange(len(share_M) + 1)
    upper_M = np.where(errors < n, beta.ppf(1 - TAIL, errors + 1, np.maximum(n - errors, 1)), 1.0)
    return float(upper_M[0] + (np.diff(upper_M) * share_M).sum())

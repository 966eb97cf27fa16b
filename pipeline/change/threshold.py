"""The threshold that the audits of a cube suggest for a wanted recall."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.analysis.estimators import Estimate, ratio
from pipeline.change.audit import Judged
from pipeline.errors import UserError


@dataclass(frozen=True)
class Suggestion:
    """A threshold, and what it would have done.

    threshold: 0 to 1. recall: by area, of the audited updates if they had had it. mapped: estimated share of their
    blocks that would have been mapped. audits, blocks: number of updates and of judged blocks behind it.
    """

    threshold: float
    recall: Estimate
    mapped: float
    audits: int
    blocks: int


def suggest_threshold(audits: Sequence[Sequence[Judged]], wanted: float) -> Suggestion:
    """The highest threshold whose estimated recall by area is as wanted.

    Raises UserError where there was no audit, none has seen a change, or no threshold has this recall.
    """
    judged = [(number, each) for number, audit in enumerate(audits) for each in audit]
    if not any(each.stratum is not None for _, each in judged):
        raise UserError("no update of this cube has audited a block yet; set change.audit, and update first")
    keys = [(number, -1 if each.stratum is None else each.stratum) for number, each in judged]
    strata = sorted(set(keys))
    stratum_N = np.array([strata.index(key) for key in keys])
    taken_S = np.bincount(stratum_N)
    size_S = taken_S.copy()
    for at, (_, each) in zip(stratum_N, judged, strict=True):
        size_S[at] = each.size if each.stratum is not None else taken_S[at]
    changed_N, score_N = (np.array([getattr(each, name) for _, each in judged]) for name in ("changed_km2", "score"))
    if not changed_N.any():
        raise UserError(f"the audits of {len(judged)} blocks have seen no change yet, which tells of no threshold")
    recalls: list[tuple[int, Estimate]] = []
    for percent in np.unique(np.append(score_N[score_N > 0], 1)).tolist():
        recall = ratio(changed_N * (score_N >= percent), changed_N, stratum_N, size_S)
        if recall is not None:
            recalls.append((percent, recall))
    reached = [each for each in recalls if each[1].value >= wanted]
    if not reached:
        raise UserError(
            f"no threshold would have had a recall of {wanted:.1%}: the lowest, {recalls[0][0] / 100:.2f}, had "
            f"{recalls[0][1].value:.1%}, for the change model saw nothing in the other blocks that have changed; ask "
            "for less, or choose another change model"
        )
    best = reached[-1]
    weight_N = (size_S / taken_S)[stratum_N]
    mapped = float(weight_N[score_N >= best[0]].sum() / weight_N.sum())
    return Suggestion(best[0] / 100, best[1], mapped, len(audits), len(judged))

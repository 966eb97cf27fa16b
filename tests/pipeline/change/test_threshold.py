"""The threshold that audits suggest."""

import json
from dataclasses import replace

import pytest
from json_schemas import check_json

from pipeline.change.audit import Judged
from pipeline.change.threshold import suggest_threshold
from pipeline.console.output import to_json
from pipeline.errors import UserError

MAPPED = [Judged((0, n), score, 10.0, 0.0, 1.0) for n, score in enumerate((90, 80, 60))]
SKIPPED = ((40, 1.0), (30, 0.0), (20, 0.0), (10, 0.5), (0, 0.0))
AUDITED = [Judged((1, n), score, km2, 0.0, 1.0, 0, 50, 5) for n, (score, km2) in enumerate(SKIPPED)]
"""Each stands for 10 skipped blocks: 10 km2 of change at score 40, 5 km2 at score 10."""


@pytest.mark.parametrize(
    ("wanted", "threshold", "recall"), [(0.2, 0.9, 10 / 45), (0.6, 0.6, 30 / 45), (0.8, 0.4, 40 / 45), (1.0, 0.1, 1.0)]
)
def test_it_is_the_highest_with_the_recall_that_is_wanted_by_the_weights_of_the_audit(wanted, threshold, recall):
    suggestion = suggest_threshold([[*MAPPED, *AUDITED]], wanted)
    assert suggestion.threshold == threshold
    assert suggestion.recall.value == pytest.approx(recall)
    assert (suggestion.audits, suggestion.blocks) == (1, 8)
    check_json(["update", "--suggest-threshold"], json.loads(to_json(suggestion)))


def test_the_share_that_would_be_mapped_counts_each_block_of_the_audit_by_its_weight():
    assert suggest_threshold([[*MAPPED, *AUDITED]], 0.8).mapped == pytest.approx(13 / 53)


def test_audits_of_several_updates_count_together():
    both = suggest_threshold([[*MAPPED, *AUDITED], [*MAPPED, *AUDITED]], 0.8)
    assert (both.threshold, both.audits) == (0.4, 2)
    assert both.recall.standard_error < suggest_threshold([[*MAPPED, *AUDITED]], 0.8).recall.standard_error


def test_without_an_audit_or_a_change_nothing_is_suggested():
    with pytest.raises(UserError, match=r"set change\.audit"):
        suggest_threshold([MAPPED], 0.9)
    with pytest.raises(UserError, match="seen no change yet"):
        suggest_threshold([AUDITED[1:3]], 0.9)


def test_a_recall_that_no_threshold_has_is_refused_with_the_most_there_is():
    unseen = replace(AUDITED[4], changed_km2=1.0)
    with pytest.raises(UserError, match=r"recall of 90.0%: the lowest, 0.01, had 81.8%"):
        suggest_threshold([[*MAPPED, *AUDITED[:4], unseen]], 0.9)
    assert suggest_threshold([[*MAPPED, *AUDITED[:4], unseen]], 0.8).threshold == 0.1

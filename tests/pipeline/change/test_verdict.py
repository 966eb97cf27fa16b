"""What an update takes of a block's new mosaic, by what the change model sees."""

import numpy as np
import pytest

from pipeline.change.alerts import Alerts
from pipeline.change.parts import SIDE, WHOLE, mask_of
from pipeline.change.verdict import verdict
from pipeline.config.sections import ChangeSettings
from pipeline.geometry.grid import Window

BLOCK = Window(0, 0, 256, 256)
NONE = Alerts(np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint16))
FIRST, OTHER = (slice(4, 8), slice(4, 8)), (slice(200, 204), slice(100, 104))
PIXELS = 16


def judged(*changes, alerts=NONE, unknown=(), better=0, day=10, **settings):
    """changes: (where, percent)."""
    percent_HW, known_HW = np.zeros(BLOCK.shape, np.uint8), np.ones(BLOCK.shape, bool)
    for at, percent in changes:
        percent_HW[at] = percent
    for at in unknown:
        percent_HW[at], known_HW[at] = 100, False
    wanted = ChangeSettings(model="any", threshold=0.5, **settings)
    seen_HW, day_HW = np.ones(BLOCK.shape, bool), np.full(BLOCK.shape, day)
    return verdict(percent_HW, known_HW, seen_HW, day_HW, alerts, better, wanted, PIXELS, BLOCK, BLOCK)


def test_what_has_changed_is_taken_and_the_rest_has_a_score_of_its_own():
    found, changed_HW = judged((FIRST, 90), (OTHER, 40))
    assert (found.score, found.rest) == (90, 40)
    assert mask_of(found.parts, BLOCK, BLOCK)[FIRST].all()
    assert not mask_of(found.parts, BLOCK, BLOCK)[OTHER].any()
    assert changed_HW.sum() == changed_HW[FIRST].sum() == 16


def test_a_change_that_awaits_views_is_not_taken_beside_one_that_is_confirmed():
    first, _ = judged((FIRST, 90), confirm=1)
    assert (first.score, first.parts) == (90, 0)
    found, changed_HW = judged((FIRST, 90), (OTHER, 80), confirm=1, alerts=first.alerts, day=20)
    assert (found.score, found.rest) == (90, 80)
    assert not mask_of(found.parts, BLOCK, BLOCK)[OTHER].any()
    assert changed_HW[FIRST].all()
    assert not changed_HW[OTHER].any()


def test_ground_that_is_first_seen_needs_no_confirmation_and_has_not_changed():
    found, changed_HW = judged(unknown=[FIRST], confirm=2)
    assert mask_of(found.parts, BLOCK, BLOCK)[FIRST].all()
    assert not changed_HW.any()
    small = slice(4, 7), slice(4, 8)
    assert judged(unknown=[small], confirm=2)[0].parts == 0


@pytest.mark.parametrize(("better", "whole"), [(29, False), (30, True)])
def test_where_something_is_taken_and_the_views_are_far_better_all_is(better, whole):
    found, changed_HW = judged((FIRST, 90), better=better)
    assert ((found.parts == WHOLE), (found.rest == 0)) == (whole, True)
    assert changed_HW.sum() == 16
    assert judged(better=better)[0].parts == 0
    assert judged((FIRST, 90), better=better, confirm=1)[0].parts == 0
    assert judged((FIRST, 90), better=100)[0].better == 100

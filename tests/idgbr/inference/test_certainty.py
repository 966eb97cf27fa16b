"""The likeliest class and its lead, also in the strips of `blend.py`."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from idgbr.inference.blend import STRIP, Blend
from idgbr.inference.certainty import certainty

CODES = (7, 0, 255, 20)
LOGITS = hnp.arrays(np.float32, st.tuples(st.just(4), st.integers(1, 9), st.integers(1, 9)),
                    elements=st.floats(-50, 50, width=16))  # fmt: skip


@given(LOGITS)
def test_certainty_is_that_of_the_softmax_in_float64(logits_KHW):
    """A second way: all probabilities, sorted."""
    found = certainty(torch.from_numpy(logits_KHW), CODES)
    odds_KHW = np.exp(logits_KHW.astype(np.float64) - logits_KHW.max(0))
    probability_KHW = odds_KHW / odds_KHW.sum(0)
    second_HW, first_HW = np.sort(probability_KHW, 0)[-2:]
    assert np.array_equal(found.code_HW.numpy(), np.array(CODES)[logits_KHW.argmax(0)])
    assert found.probability_HW.numpy() == pytest.approx(first_HW, abs=1e-6)
    assert found.margin_HW.numpy() == pytest.approx(first_HW - second_HW, abs=1e-6)


@given(LOGITS, st.floats(0.2, 5))
def test_a_temperature_changes_the_probability_and_neither_class_nor_lead(logits_KHW, temperature):
    plain, found = (certainty(torch.from_numpy(logits_KHW), CODES, each) for each in (1.0, temperature))
    odds_KHW = np.exp((logits_KHW.astype(np.float64) - logits_KHW.max(0)) / temperature)
    assert found.probability_HW.numpy() == pytest.approx(1 / odds_KHW.sum(0), abs=1e-6)
    assert torch.equal(found.code_HW, plain.code_HW)
    assert torch.equal(found.margin_HW, plain.margin_HW)


def test_of_equally_likely_classes_the_first_is_taken_without_a_lead():
    found = certainty(torch.zeros(4, 2, 3), CODES)
    assert (found.code_HW == 7).all()
    assert (found.probability_HW == 0.25).all()
    assert (found.margin_HW == 0).all()


def test_a_batch_of_windows_is_as_each_alone():
    logits_BKHW = torch.randn(3, 4, 5, 6)
    together = certainty(logits_BKHW, CODES)
    for number, logits_KHW in enumerate(logits_BKHW):
        for part, alone in zip(together, certainty(logits_KHW, CODES), strict=True):
            assert torch.equal(part[number], alone)


def test_blended_scores_are_judged_alike_in_strips_and_at_once():
    blend = Blend((0, 0), (2 * STRIP + 5, 40), 4, torch.rand(64, 64) + 0.1)
    for corner in ((0, 0), (0, 20), (30, -10)):
        blend.add(corner, torch.randn(4, 64, 64))
    for strips, whole in zip(blend.certainty(CODES), certainty(blend.logits(), CODES), strict=True):
        assert torch.equal(strips, whole)

import numpy as np
import pytest
from scipy.special import softmax

from idgbr.training.temperature import temperature


def test_scores_that_are_too_sure_by_a_factor_are_found_to_be():
    random = np.random.default_rng(0)
    honest_NK = random.normal(0, 2, (20_000, 4))
    index_N = np.array([random.choice(4, p=p_K) for p_K in softmax(honest_NK, axis=1)], np.uint8)
    assert temperature(honest_NK, index_N) == pytest.approx(1, abs=0.05)
    assert temperature(3 * honest_NK, index_N) == pytest.approx(3, abs=0.15)

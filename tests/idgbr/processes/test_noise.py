import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from idgbr.processes.noise import noise

PLACE = st.integers(-(10**7), 10**7)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**63), PLACE, PLACE, st.integers(0, 9), st.integers(0, 9), st.integers(1, 7), st.integers(1, 7))
def test_a_window_holds_the_noise_of_the_larger_window_around_it(seed, y, x, dy, dx, height, width):
    large_CHW = noise(seed, [(y, x)], 16, 16, 3)[0]
    small_CHW = noise(seed, [(0, 0), (y + dy, x + dx)], height, width, 3)[1]
    assert torch.equal(small_CHW, large_CHW[:, dy : dy + height, dx : dx + width])


def test_a_channel_does_not_depend_on_how_many_there_are():
    assert torch.equal(noise(3, [(-8, 5)], 9, 9, 1), noise(3, [(-8, 5)], 9, 9, 4)[:, :1])


def test_noise_is_standard_normal_and_its_neighbours_are_unrelated():
    value_CHW = noise(0, [(-500, 10**6)], 1000, 1000, 2)[0].double().numpy()
    assert abs(value_CHW.mean()) < 0.003
    assert abs(value_CHW.std() - 1) < 0.003
    assert stats.kstest(value_CHW[0].ravel()[::7], "norm").pvalue > 0.001
    pairs = {
        "y": (value_CHW[:, 1:], value_CHW[:, :-1]),
        "x": (value_CHW[..., 1:], value_CHW[..., :-1]),
        "diagonal": (value_CHW[:, 1:, 1:], value_CHW[:, :-1, :-1]),
        "channel": (value_CHW[0], value_CHW[1]),
        "transposed": (value_CHW[0], value_CHW[0].T),
        "seed": (value_CHW, noise(1, [(-500, 10**6)], 1000, 1000, 2)[0].numpy()),
    }
    correlations = {name: np.corrcoef(a.ravel(), b.ravel())[0, 1] for name, (a, b) in pairs.items()}
    assert max(map(abs, correlations.values())) < 0.004, correlations

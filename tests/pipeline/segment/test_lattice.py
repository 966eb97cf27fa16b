import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.geometry.grid import Window
from pipeline.segment.lattice import covering, taper

lattices = st.sampled_from([(256, 192), (96, 64), (64, 64), (128, 64)])
places = st.integers(-3000, 3000)


@given(places, places, st.integers(1, 700), st.integers(1, 700), lattices)
def test_every_pixel_is_covered_and_its_weights_sum_to_one(y, x, height, width, lattice):
    size, stride = lattice
    window = Window(y, x, y + height, x + width)
    total = np.zeros(window.shape)
    for w in covering(window, size, stride):
        part = w & window
        total[part.slices((y, x))] += taper(size, stride)[part.slices((w.y0, w.x0))]
    assert np.allclose(total, 1, atol=1e-6)


@given(places, places, st.integers(1, 400), st.integers(1, 400), lattices)
def test_windows_are_those_of_the_absolute_lattice_that_overlap_in_row_order(y, x, height, width, lattice):
    size, stride = lattice
    window = Window(y, x, y + height, x + width)
    found = [(w.y0, w.x0) for w in covering(window, size, stride)]
    expected = [
        (wy, wx)
        for wy in range(-4096 // stride * stride, 4096, stride)
        for wx in range(-4096 // stride * stride, 4096, stride)
        if wy < window.y1 and wy + size > y and wx < window.x1 and wx + size > x
    ]
    assert found == expected


def test_a_constant_score_stays_constant_after_blending():
    window = Window(-100, 50, 411, 777)
    blended, weights = np.zeros(window.shape, np.float32), np.zeros(window.shape, np.float32)
    for w in covering(window, 96, 64):
        part = w & window
        weight = taper(96, 64)[part.slices((w.y0, w.x0))]
        blended[part.slices((window.y0, window.x0))] += weight * np.float32(3)
        weights[part.slices((window.y0, window.x0))] += weight
    assert np.allclose(blended / weights, 3, atol=1e-6)

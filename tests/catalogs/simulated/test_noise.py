import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from catalogs.simulated.noise import Field, smooth_field, stream

BOUNDS = (1000.0, 5000.0, 9000.0, 11000.0)


@given(st.integers(0, 2**32), st.floats(0.5, 50), st.integers(0, 1000))
def test_a_field_is_read_by_bilinear_interpolation_at_places_and_on_grids(seed, spacing, shift):
    rng = np.random.default_rng(seed)
    value_YX = rng.standard_normal((7, 9)).astype(np.float32)
    field = Field(value_YX, west=float(shift), north=500.0, spacing=spacing)
    x_X = np.sort(shift + rng.uniform(0, 8 * spacing, 11))
    y_Y = 500 - np.sort(rng.uniform(0, 6 * spacing, 5))
    reference = RegularGridInterpolator((np.arange(7) * spacing, np.arange(9) * spacing), value_YX, bounds_error=False)
    x_YX, y_YX = np.meshgrid(x_X, y_Y)
    place = np.stack([np.clip(500 - y_YX, 0, 6 * spacing), np.clip(x_YX - shift, 0, 8 * spacing)], axis=-1)
    expected_YX = reference(place)
    np.testing.assert_allclose(field.on(x_X, y_Y), expected_YX, atol=2e-4)
    np.testing.assert_allclose(field.at(x_YX, y_YX), expected_YX, atol=2e-4)


@pytest.mark.parametrize("octaves", [1, 4])
def test_noise_has_mean_0_and_deviation_1_and_the_correlation_of_its_scale(octaves):
    scale = 60.0
    field = smooth_field(stream(3, "noise"), BOUNDS, scale, octaves)
    assert abs(field.value_YX.mean()) < 0.15
    assert field.value_YX.std() == pytest.approx(1, abs=0.12)
    if octaves == 1:
        lag = round(scale / field.spacing)
        left, right = field.value_YX[:, :-lag].ravel(), field.value_YX[:, lag:].ravel()
        # Gaussian blur of deviation s has correlation exp(-d^2 / 4 s^2) at distance d.
        expected = np.exp(-((lag * field.spacing) ** 2) / (4 * scale**2))
        assert np.corrcoef(left, right)[0, 1] == pytest.approx(expected, abs=0.06)


def test_streams_repeat_for_the_same_names_and_differ_for_others():
    first = stream(1, "river", 2).random(8)
    np.testing.assert_array_equal(first, stream(1, "river", 2).random(8))
    for other in (stream(2, "river", 2), stream(1, "river", 3), stream(1, "lake", 2)):
        assert not np.array_equal(first, other.random(8))

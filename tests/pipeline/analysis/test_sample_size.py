import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.analysis.sample_size import allocate, sample_size

PIXELS = np.array([200_000, 150_000, 3_200_000, 6_450_000])
USERS = np.array([0.70, 0.60, 0.90, 0.95])


def test_the_planning_example_of_olofsson_2014_needs_641_units():
    assert sample_size(PIXELS, USERS, 0.01) == 641


def test_a_smaller_error_needs_more_units_but_never_more_than_there_are():
    assert sample_size(PIXELS, USERS, 0.005) > 4 * 620
    assert sample_size(np.array([50, 50]), np.array([0.5, 0.5]), 1e-6) == 100


def test_allocations_of_the_planning_example():
    assert allocate(PIXELS, 641, "equal", USERS, 2).tolist() == [160, 160, 160, 160]
    assert allocate(PIXELS, 641, "proportional", USERS, 2).tolist() == [13, 10, 205, 413]
    share = PIXELS * np.sqrt(USERS * (1 - USERS))
    assert allocate(PIXELS, 641, "neyman", USERS, 2).tolist() == np.rint(641 * share / share.sum()).tolist()


def test_rare_strata_get_the_minimum_and_the_others_share_the_rest():
    assert allocate(PIXELS, 641, "proportional", USERS, 75).tolist() == [75, 75, 163, 328]
    assert allocate(PIXELS, 100, "equal", USERS, 50).tolist() == [50, 50, 50, 50]


def test_a_stratum_without_error_to_expect_gets_the_minimum_of_neyman():
    assert allocate(PIXELS, 600, "neyman", np.array([1, 1, 0.9, 1]), 50).tolist() == [50, 50, 450, 50]


@given(
    st.lists(st.integers(0, 10**7), min_size=1, max_size=12).filter(any),
    st.integers(1, 10_000),
    st.sampled_from(["equal", "proportional", "neyman"]),
    st.integers(2, 100),
)
def test_every_stratum_gets_its_minimum_and_none_more_than_it_has(pixels, units, how, minimum):
    size_S = np.array(pixels)
    unit_S = allocate(size_S, units, how, np.full(len(pixels), 0.8), minimum)
    assert (unit_S >= np.minimum(minimum, size_S)).all()
    assert (unit_S <= size_S).all()
    assert unit_S.sum() <= max(units, minimum * len(pixels)) + len(pixels)


def test_an_unknown_allocation_is_an_error():
    with pytest.raises(KeyError):
        allocate(PIXELS, 10, "square", USERS, 2)

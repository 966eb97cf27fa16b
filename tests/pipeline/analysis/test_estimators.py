"""The estimators against the worked examples of their papers, and against what a sample of known truth must show."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.analysis.estimators import Z95, assess, wilson

OLOFSSON_2014 = [[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]]
MAPPED_PIXELS = np.array([200_000, 150_000, 3_200_000, 6_450_000])
HECTARES = 0.09


def units(counts):
    """(map, reference) of each unit of an error matrix."""
    count_KK = np.array(counts)
    map_KK, reference_KK = np.indices(count_KK.shape)
    return np.repeat(map_KK.ravel(), count_KK.ravel()), np.repeat(reference_KK.ravel(), count_KK.ravel())


def of_matrix(counts, sizes, area=1.0):
    map_N, reference_N = units(counts)
    names = [str(k) for k in range(len(counts))]
    return assess(map_N, map_N, reference_N, np.array(sizes), names, area, finite=False)


def halves(estimates):
    return [Z95 * estimate.standard_error for estimate in estimates]


def values(estimates):
    return [estimate.value for estimate in estimates]


def test_olofsson_2014_table_9_and_its_accuracies():
    result = of_matrix(OLOFSSON_2014, MAPPED_PIXELS, HECTARES)
    assert np.round(result.shares, 4).tolist() == [
        [0.0176, 0, 0.0013, 0.0011],
        [0, 0.0110, 0.0016, 0.0024],
        [0.0019, 0, 0.2967, 0.0213],
        [0.0040, 0.0020, 0.0179, 0.6212],
    ]
    assert result.counts == OLOFSSON_2014
    assert (result.units, [of.reference for of in result.classes]) == (640, [69, 56, 175, 340])
    assert result.overall.value == pytest.approx(0.946512, abs=5e-7)
    assert result.overall.standard_error == pytest.approx(0.009430, abs=5e-7)
    users, producers = [of.users for of in result.classes], [of.producers for of in result.classes]
    assert values(users) == pytest.approx([0.88, 0.733333, 0.927273, 0.963077], abs=5e-7)
    assert values(producers) == pytest.approx([0.748661, 0.847156, 0.934509, 0.961609], abs=5e-7)
    assert np.round(halves(users), 2).tolist() == [0.07, 0.10, 0.04, 0.02]
    # The paper prints .23 and .01 for the second and the fourth, which its equations do not give.
    assert np.round(halves(producers), 2).tolist() == [0.21, 0.25, 0.03, 0.02]


def test_olofsson_2014_areas_with_their_intervals_in_hectares():
    areas = [of.area for of in of_matrix(OLOFSSON_2014, MAPPED_PIXELS, HECTARES).classes]
    assert np.round(values(areas)).tolist() == [21_158, 11_686, 285_770, 581_386]
    assert np.round(halves(areas)).tolist() == [6_158, 3_756, 15_510, 16_282]


def test_strata_of_equal_weight_would_give_another_answer():
    wrong = of_matrix(OLOFSSON_2014, np.full(4, MAPPED_PIXELS.sum() / 4), HECTARES)
    right = of_matrix(OLOFSSON_2014, MAPPED_PIXELS, HECTARES)
    assert abs(wrong.classes[0].producers.value - right.classes[0].producers.value) > 0.05
    assert abs(wrong.classes[3].area.value - right.classes[3].area.value) > 100_000


def test_olofsson_2013_first_example():
    result = of_matrix([[97, 0, 3], [3, 279, 18], [2, 1, 97]], [22_353, 1_122_543, 610_228])
    assert (result.overall.value, result.overall.standard_error) == pytest.approx((0.944417, 0.011164), abs=5e-7)
    assert values(of.users for of in result.classes) == pytest.approx([0.97, 0.93, 0.97])
    producers = [of.producers for of in result.classes]
    assert values(producers) == pytest.approx([0.480631, 0.994189, 0.896926], abs=5e-7)
    assert [of.standard_error for of in producers] == pytest.approx([0.114558, 0.005778, 0.021024], abs=5e-7)
    areas = [of.area for of in result.classes]
    assert values(areas) == pytest.approx([45_112.40, 1_050_067.27, 659_944.33], abs=5e-3)
    assert [of.standard_error for of in areas] == pytest.approx([10_751.40, 17_652.04, 18_635.86], abs=5e-3)


def test_olofsson_2013_second_example():
    result = of_matrix([[127, 66, 54], [2, 322, 17], [0, 15, 540]], [0.007, 0.295, 0.698])
    assert (result.overall.value, *halves([result.overall])) == pytest.approx((0.961297, 0.011864), abs=5e-7)
    users, producers = [of.users for of in result.classes], [of.producers for of in result.classes]
    assert values(users) == pytest.approx([0.514170, 0.944282, 0.972973], abs=5e-7)
    assert values(producers) == pytest.approx([0.675347, 0.930720, 0.976650], abs=5e-7)
    assert halves(users) == pytest.approx([0.0625, 0.0244, 0.0135], abs=5e-5)
    assert halves(producers) == pytest.approx([0.3046, 0.0294, 0.0096], abs=5e-5)


def stehman_2014():
    codes = [
        np.array(["ABCD".index(letter) for letter in text.replace(" ", "")])
        for text in (
            "AAAAAAAAAA BBBBBBBBBB CCCCCCCCCC DDDDDDDDDD",
            "AAAAAAABBB ABBBBBBBBB BBCCCCCCBB DDDDDDDDDD",
            "AAAAACBABC ABBBBBAABB CCCCCDDBBA DDDDDDDCCB",
        )
    ]
    return assess(*codes, np.array([40_000, 30_000, 20_000, 10_000]), "ABCD", area_N=1e-5)


def test_stehman_2014_where_strata_are_not_the_classes_of_the_map():
    result = stehman_2014()
    assert (result.overall.value, result.overall.standard_error) == pytest.approx((0.63, 0.084642), abs=5e-7)
    expected = {
        "share": [(0.35, 0.082248), (0.34, 0.075853), (0.20, 0.064280), (0.11, 0.030722)],
        "area": [(0.35, 0.082248), (0.34, 0.075853), (0.20, 0.064280), (0.11, 0.030722)],
        "users": [(0.741935, 0.164542), (0.574468, 0.124782), (0.50, 0.215112), (0.70, 0.152676)],
        "producers": [(0.657143, 0.147710), (0.794118, 0.116548), (0.30, 0.150411), (0.636364, 0.162280)],
    }
    for what, rows in expected.items():
        estimates = [getattr(of, what) for of in result.classes]
        assert values(estimates) == pytest.approx([row[0] for row in rows], abs=5e-7), what
        assert [of.standard_error for of in estimates] == pytest.approx([row[1] for row in rows], abs=5e-7), what
    assert result.shares[1][2] == pytest.approx(0.08)


def test_intervals_stay_within_what_is_possible():
    result = of_matrix(OLOFSSON_2014, MAPPED_PIXELS, HECTARES)
    half = Z95 * result.classes[1].producers.standard_error
    assert result.classes[1].producers.value + half > 1 > result.classes[1].producers.high
    rare = stehman_2014().classes[3].area
    assert rare.low == pytest.approx(0.11 - Z95 * 0.030722, abs=1e-5)
    assert all(estimate.low >= 0 for of in result.classes for estimate in (of.users, of.producers, of.area, of.share))


def test_the_interval_of_a_simple_random_sample_is_that_of_wilson():
    """Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3: 81 of 263, 15 of 148, 0 of 20, 29 of 29."""
    for hits, size, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (29, 29, 0.8830, 1),
    ):
        assert wilson(hits / size, size) == pytest.approx((low, high), abs=5e-5)
    stratum_N = np.zeros(2630, int)
    reference_N = np.repeat([0, 1], (810, 1820))
    overall = assess(stratum_N, stratum_N, reference_N, np.array([1]), "AB", finite=False).overall
    assert (overall.low, overall.high) == pytest.approx(wilson(810 / 2630, 2629))


def test_points_that_all_agree_leave_an_error_that_was_not_drawn():
    zeros = np.zeros(29, int)
    users = assess(zeros, zeros, zeros, np.array([1000]), "A").classes[0].users
    assert (users.value, users.standard_error, users.high) == (1, 0, 1)
    assert users.low == pytest.approx(0.8830, abs=5e-5)
    counted = assess(zeros, zeros, zeros, np.array([29]), "A").classes[0].users
    assert (counted.low, counted.high) == (1, 1)


def test_where_all_labels_are_right_no_rounding_stands_for_an_error():
    stratum_N = np.repeat([0, 1, 2], [7, 11, 13])
    for size_S in ([2447, 4403, 3150], [313, 9377, 61], [7, 4403, 3150]):
        result = assess(stratum_N, stratum_N, stratum_N, np.array(size_S), "ABC", area_N=1e-4 / 3)
        size = 31 - 7 * (size_S[0] == 7)
        for k, of in enumerate(result.classes):
            assert of.area.standard_error == of.share.standard_error == 0
            share = size_S[k] / sum(size_S)
            assert (of.share.low, of.share.high) == pytest.approx(wilson(share, size))


def test_intervals_near_1_with_older_strata_miss_on_both_sides_where_the_published_ones_miss_on_one():
    """A class of which a quarter lies in a stratum that is sampled at an eighth of the rate of the other."""
    rng = np.random.default_rng(11)
    stratum_N = np.repeat([0, 1], (8_000, 64_000))
    map_N = np.where(rng.random(len(stratum_N)) < np.where(stratum_N == 0, 0.75, 0.03), 0, 1)
    truth_N = np.where((map_N == 0) & (rng.random(len(stratum_N)) < 0.03), 1, map_N)
    truth = (truth_N == 0).sum() / (map_N == 0).sum()
    draws = 1200
    below, above = np.zeros(2), np.zeros(2)
    for _ in range(draws):
        drawn_N = np.concatenate([rng.choice(8_000, 250, False), 8_000 + rng.choice(64_000, 250, False)])
        users = (
            assess(stratum_N[drawn_N], map_N[drawn_N], truth_N[drawn_N], np.array([8_000, 64_000]), "AB")
            .classes[0]
            .users
        )
        half = Z95 * users.standard_error
        below += users.low > truth, users.value - half > truth
        above += users.high < truth, users.value + half < truth
    ours, published = 1 - (below + above) / draws
    assert 0.93 <= ours <= 0.97, ours
    assert published < 0.93 and below[1] > 3 * above[1] + 20, (published, below, above)


def test_what_the_sample_does_not_tell_is_none():
    zeros, ones = np.zeros(10, int), np.ones(10, int)
    result = assess(zeros, zeros, ones, np.array([1000]), "ABC")
    assert [of.users is None for of in result.classes] == [False, True, True]
    assert [of.producers is None for of in result.classes] == [True, False, True]
    assert result.classes[1].producers.value == 0


def test_a_stratum_needs_two_units_unless_it_is_counted_whole():
    stratum_N = np.array([0, 0, 0, 1])
    with pytest.raises(ValueError, match=r"strata \[1\] have fewer than 2"):
        assess(stratum_N, stratum_N, stratum_N, np.array([100, 50]), "AB")
    with pytest.raises(ValueError, match=r"strata \[2\] have fewer than 2"):
        assess(stratum_N[:3], stratum_N[:3], stratum_N[:3], np.array([100, 0, 9]), "ABC")
    assert assess(stratum_N, stratum_N, stratum_N, np.array([100, 1]), "AB").overall.value == 1


def test_a_full_count_has_no_error_and_gives_the_truth():
    rng = np.random.default_rng(3)
    map_N, reference_N, area_N = rng.integers(0, 3, 90), rng.integers(0, 3, 90), rng.uniform(1, 2, 90)
    stratum_N = np.arange(90) % 4
    result = assess(stratum_N, map_N, reference_N, np.bincount(stratum_N), "ABC", area_N)
    right = map_N == reference_N
    assert result.overall.value == pytest.approx(area_N[right].sum() / area_N.sum())
    assert result.overall.standard_error == 0
    assert result.classes[1].area.value == pytest.approx(area_N[reference_N == 1].sum())
    assert result.classes[2].users.value == pytest.approx(area_N[right & (map_N == 2)].sum() / area_N[map_N == 2].sum())


def test_a_unit_without_a_class_in_the_map_is_an_error():
    stratum_N, reference_N = np.zeros(4, int), np.array([0, 0, 1, 1])
    result = assess(stratum_N, np.array([0, -1, 1, -1]), reference_N, np.array([1000]), "AB")
    assert result.overall.value == 0.5
    assert [of.users.value for of in result.classes] == [1, 1]
    assert [of.producers.value for of in result.classes] == [0.5, 0.5]


def test_an_empty_domain_is_refused():
    zeros = np.zeros(4, int)
    with pytest.raises(ValueError, match="no unit of the sample lies in the domain"):
        assess(zeros, zeros, zeros, np.array([9]), "A", domain_N=np.zeros(4, bool))


@given(st.integers(0, 2**32 - 1))
def test_areas_and_cells_of_domains_add_up_to_those_of_the_whole(seed):
    rng = np.random.default_rng(seed)
    stratum_N = np.repeat(np.arange(3), 8)
    map_N, reference_N = rng.integers(0, 3, 24), rng.integers(0, 3, 24)
    area_N, inside_N = rng.uniform(1, 2, 24), np.arange(24) % 3 > 0
    sizes = rng.integers(8, 1000, 3)
    whole, inside, outside = (
        assess(stratum_N, map_N, reference_N, sizes, "ABC", area_N, domain_N)
        for domain_N in (None, inside_N, ~inside_N)
    )
    for k in range(3):
        parts = inside.classes[k].area.value + outside.classes[k].area.value
        assert parts == pytest.approx(whole.classes[k].area.value)
        assert inside.classes[k].mapped + outside.classes[k].mapped == whole.classes[k].mapped
    assert np.sum(whole.shares) == pytest.approx(1)
    assert (np.array(inside.counts) + outside.counts).tolist() == whole.counts


def test_95_percent_intervals_cover_the_truth_93_to_97_percent_of_the_time():
    rng = np.random.default_rng(2)
    size_S = np.array([6_000, 20_000, 74_000])
    map_N = np.repeat(np.arange(3), size_S)
    wrong = np.array([[0, 0.15, 0.10], [0.05, 0, 0.15], [0.03, 0.07, 0]])
    draws_N = rng.random(len(map_N))
    truth_N = map_N.copy()
    for k in range(3):
        ends = np.cumsum(wrong[k])
        for other in range(3):
            low = ends[other] - wrong[k][other]
            truth_N[(map_N == k) & (draws_N >= low) & (draws_N < ends[other])] = other
    right_N = map_N == truth_N
    truths = [right_N.mean()]
    for k in range(3):
        truths += [right_N[map_N == k].mean(), right_N[truth_N == k].mean(), (truth_N == k).sum()]
    starts, points_S = np.cumsum(size_S) - size_S, (300, 300, 600)
    covered = np.zeros(len(truths))
    stratum_N = np.repeat(np.arange(3), points_S)
    draws = 1000
    for _ in range(draws):
        drawn = [start + rng.choice(size, n, False) for start, size, n in zip(starts, size_S, points_S, strict=True)]
        drawn_N = np.concatenate(drawn)
        result = assess(stratum_N, stratum_N, truth_N[drawn_N], size_S, "ABC")
        estimates = [result.overall, *(e for of in result.classes for e in (of.users, of.producers, of.area))]
        covered += [e.low <= truth <= e.high for e, truth in zip(estimates, truths, strict=True)]
    assert (covered / draws).min() >= 0.93 and (covered / draws).max() <= 0.97, covered / draws

"""How much better the views of a new mosaic are than those of an old one."""

import numpy as np
import pytest

from pipeline.change.views import Views, better_views
from pipeline.mosaic.best import day_term

WINTER, SUMMER = (int(np.datetime64(day, "D").astype(int)) for day in ("2024-01-20", "2024-07-20"))
JULY_20 = 202
SHAPE = 4, 5


def views(observations, first, last=None):
    """The same in all pixels."""
    return Views(
        np.full(SHAPE, observations, np.uint8),
        np.full(SHAPE, first, np.uint16),
        np.full(SHAPE, first if last is None else last, np.uint16),
    )


@pytest.mark.parametrize(
    ("before", "after", "percent"), [(1, 1, 0), (1, 4, 50), (4, 16, 25), (9, 4, 0), (4, 11, 20), (0, 1, 100)]
)
def test_more_clear_views_are_better_by_what_the_standard_error_of_their_mean_is_less(before, after, percent):
    assert better_views(views(before, WINTER), views(after, WINTER, SUMMER), None) == percent


def test_a_view_nearer_to_the_preferred_day_is_better_by_what_its_score_of_the_mosaic_gains():
    winter, summer = views(9, WINTER), views(10, WINTER, SUMMER)
    gain = day_term(SUMMER, JULY_20) - day_term(WINTER, JULY_20)
    assert better_views(winter, summer, JULY_20) == round(100 * gain) > 95
    assert better_views(winter, summer, None) == 2


def test_of_a_period_around_the_preferred_day_the_nearer_of_first_and_last_view_counts():
    winter, around = views(8, WINTER), views(9, SUMMER - 2, SUMMER + 80)
    gain = day_term(SUMMER - 2, JULY_20) - day_term(WINTER, JULY_20)
    assert better_views(winter, around, JULY_20) == round(100 * gain) > 90
    assert better_views(around, winter, JULY_20) == 0


def test_a_block_is_judged_by_the_mean_of_the_pixels_that_its_new_mosaic_shows():
    before, after = views(4, WINTER), views(4, WINTER)
    before.observations_HW[:1] = 0
    after.observations_HW[1:3] = 0
    assert better_views(before, after, None) == 50
    after.observations_HW[:] = 0
    assert better_views(before, after, None) == 0

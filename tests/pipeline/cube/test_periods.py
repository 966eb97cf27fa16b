from datetime import date

import pytest
import zarr
from made_versions import LAYOUT, SUMMER

from pipeline.cube.create import add_period
from pipeline.cube.periods import newest_period, periods_of, time_of
from pipeline.errors import UserError

EARLIER = date(2022, 5, 1), date(2022, 8, 31)


@pytest.fixture
def group():
    """The later period was mapped first."""
    group = zarr.group()
    for period in (SUMMER, EARLIER):
        add_period(group, LAYOUT, period)
    return group


def test_periods_come_as_they_were_mapped_and_the_newest_is_the_latest(group):
    assert periods_of(group) == [SUMMER, EARLIER]
    assert newest_period(group) == SUMMER[0]
    assert (time_of(group, "V"), time_of(group, "V", EARLIER[0])) == (0, 1)


def test_a_period_that_is_not_there_is_refused_with_those_that_are(group):
    with pytest.raises(UserError, match=r"version V has no period from 2023-05-01; give one of 2022-05-01, 2024-05-01"):
        time_of(group, "V", date(2023, 5, 1))

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from made_items import made_item

from catalogs.passes import count_passes
from catalogs.scene import read_scene

SCENE = replace(read_scene(made_item(), ("red",)), platform="sentinel-2a", orbit=79, repeat_days=10, tile="33TWM")
FIRST = datetime(2023, 8, 1, 9, 57, 57, tzinfo=UTC)
PERIOD = (datetime(2023, 8, 1, tzinfo=UTC), datetime(2023, 9, 30, 23, 59, tzinfo=UTC))


def on(*days, jitter=0, **changes):
    return [
        replace(SCENE, datetime=FIRST + timedelta(days=day, seconds=jitter * n), **changes)
        for n, day in enumerate(days)
    ]


def test_a_full_calendar_lacks_nothing():
    (row,) = count_passes(on(0, 10, 20, 30, 40, 50, 60, jitter=5), *PERIOD)
    assert (row.platform, row.orbit, row.tile) == ("sentinel-2a", 79, "33TWM")
    assert (row.expected, row.found, row.missing) == (7, 7, ())


def test_missing_passes_are_named_by_their_dates_before_between_and_after_those_found():
    (row,) = count_passes(on(20, 40), *PERIOD)
    assert (row.expected, row.found) == (7, 2)
    assert row.missing == tuple(date(2023, 8, 1) + timedelta(days=day) for day in (0, 10, 30, 50, 60))


def test_two_processings_of_one_pass_count_once():
    (row,) = count_passes(on(0, 0, 10), *PERIOD)
    assert row.found == 2


def test_platforms_orbits_and_tiles_have_calendars_of_their_own():
    other = [*on(5, platform="sentinel-2b"), *on(3, orbit=122), *on(0, tile="33TWL")]
    rows = count_passes([*other, *on(0)], *PERIOD)
    assert [(row.platform, row.orbit, row.tile) for row in rows] == [
        ("sentinel-2a", 79, "33TWL"),
        ("sentinel-2a", 79, "33TWM"),
        ("sentinel-2a", 122, "33TWM"),
        ("sentinel-2b", 79, "33TWM"),
    ]


def test_the_repeat_is_the_scenes_own():
    (row,) = count_passes(on(0, 16, 48, repeat_days=16, platform="landsat-9"), *PERIOD)
    assert (row.expected, row.missing) == (4, (date(2023, 9, 2),))


def test_months_narrow_what_is_expected():
    (row,) = count_passes(on(0, 10, 60), *PERIOD, months=(9,))
    assert (row.expected, row.found) == (3, 1)


def test_scenes_without_an_orbit_and_outside_the_period_count_nowhere():
    assert count_passes([*on(0, orbit=None), *on(100)], *PERIOD) == []


@given(st.sets(st.integers(0, 6), min_size=1), st.integers(-600, 600))
def test_found_and_missing_are_all_there_is(slots, jitter):
    scenes = [replace(SCENE, datetime=FIRST + timedelta(days=10 * n, seconds=jitter * (n % 2))) for n in slots]
    (row,) = count_passes(scenes, *PERIOD)
    assert row.found == len(slots)
    assert row.expected == row.found + len(row.missing) == 7

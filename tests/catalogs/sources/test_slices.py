from datetime import UTC, datetime, timedelta

import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogs import Query
from catalogs.sources.slices import SEAM, slices

START = datetime(2022, 11, 5, 7, tzinfo=UTC)
END = datetime(2023, 2, 3, tzinfo=UTC)


def query(area=(15.2, 46.2, 15.4, 46.4), start=START, end=END, **changes):
    return Query("https://example.org", "sentinel-2-l2a", area, start, end, **changes)


def test_a_small_area_is_asked_for_month_by_month():
    parts = slices(query())
    assert [(part.start, part.end + timedelta(microseconds=1)) for part in parts[:-1]] == [
        (START, datetime(2022, 12, 1, tzinfo=UTC)),
        (datetime(2022, 12, 1, tzinfo=UTC), datetime(2023, 1, 1, tzinfo=UTC)),
        (datetime(2023, 1, 1, tzinfo=UTC), datetime(2023, 2, 1, tzinfo=UTC)),
    ]
    assert (parts[-1].start, parts[-1].end) == (datetime(2023, 2, 1, tzinfo=UTC), END)
    assert {part.area.bounds for part in parts} == {(15.2, 46.2, 15.4, 46.4)}


def test_the_future_is_asked_for_at_once():
    end = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    *past, future = slices(query(end=end))
    assert future.end == end
    assert past[-1].start <= datetime.now(UTC) < future.start == past[-1].end + timedelta(microseconds=1)


def test_months_that_are_not_wanted_are_not_asked_for():
    assert [part.start.month for part in slices(query(months=(1, 12)))] == [12, 1]
    assert slices(query(months=(6,))) == []


@settings(deadline=None, max_examples=50)
@given(
    st.tuples(st.integers(-180, 179), st.integers(-90, 89)),
    st.tuples(st.integers(1, 60), st.integers(1, 40)),
    st.lists(st.tuples(st.floats(0.001, 0.999), st.floats(0.001, 0.999)), min_size=1, max_size=5),
)
def test_together_the_slices_of_a_month_cover_the_area(corner, size, places):
    (west, south), (width, height) = corner, size
    east, north = west + width, min(south + height, 90)
    area = (west, south, east if east <= 180 else east - 360, north)
    parts = slices(query(area, START, START))
    asked = shapely.union_all([part.area for part in parts])
    for right, up in places:
        x, y = west + right * width, south + up * (north - south)
        assert shapely.distance(asked, shapely.Point(x if x <= 180 else x - 360, y)) < 1e-9
    assert all(-180 <= side <= 180 for part in parts for side in part.area.bounds)
    assert all(part.area.area <= 48.001 for part in parts if abs(part.area.bounds[0]) != SEAM)


def test_an_area_at_the_antimeridian_is_also_looked_for_at_the_prime_meridian():
    bounds = [part.area.bounds for part in slices(query((179.0, -20.0, -179.0, -18.0), START, START))]
    assert bounds.count((-SEAM, -22.0, SEAM, -16.0)) == 1
    assert len(bounds) == 3
    assert all(part.area.bounds[0] > 0 for part in slices(query((20.0, -20.0, 21.0, -18.0), START, START)))


def test_a_polygon_is_cut_into_cells_not_into_their_boxes():
    triangle = shapely.Polygon([(11, 45), (13, 45), (12, 49)])
    parts = slices(query(triangle, START, START))
    assert len(parts) == 4
    assert abs(sum(part.area.area for part in parts) - triangle.area) < 1e-9

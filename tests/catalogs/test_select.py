import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_items import made_item

import catalogs

PROCESSINGS = [
    made_item("old", baseline="02.14", applied=None, offset=0, s2__generation_time="2024-05-01T00:00:00Z"),
    made_item("new", baseline="05.00", s2__generation_time="2023-01-01T00:00:00Z"),
    made_item("newest", baseline="05.00", s2__generation_time="2023-02-01T00:00:00Z"),
]
OTHER_DAYS = [
    made_item("day-b", datatake="GS2A_20230818T100031_042590", datetime="2023-08-18T10:00:00Z", eo__cloud_cover=80),
    made_item(
        "day-a",
        platform="sentinel-2b",
        datatake="GS2B_20230818T100031_042590",
        datetime="2023-08-18T10:00:00Z",
        eo__cloud_cover=None,
    ),
]


def ids(items, **options):
    return [scene.id for scene in catalogs.scenes(items, ("red",), **options)]


def test_of_one_acquisition_the_newest_baseline_then_the_latest_generated_stays():
    assert ids(PROCESSINGS) == ["newest"]
    assert ids(PROCESSINGS[:2]) == ["new"]


@given(st.permutations(PROCESSINGS + OTHER_DAYS))
def test_the_order_is_total_and_does_not_depend_on_the_order_given(items):
    assert ids(items) == ["newest", "day-a", "day-b"]


def test_another_tile_or_platform_or_pass_is_another_acquisition():
    items = [
        made_item("1"),
        made_item("2", grid__code="MGRS-33TWL"),
        made_item("3", platform="sentinel-2b"),
        made_item("4", datatake="GS2A_20230815T095031_042548"),
    ]
    assert ids(items) == ["1", "2", "3", "4"]


def test_without_a_datatake_the_sensing_second_tells_acquisitions_apart():
    items = [made_item("1", s2__datatake_id=None), made_item("2", s2__datatake_id=None)]
    later = made_item("3", s2__datatake_id=None, datetime="2023-08-15T10:00:00Z")
    assert ids([*items, later]) == ["2", "3"]


@pytest.mark.parametrize(
    ("older_bounds", "kept"),
    [
        ((15.0, 46.0, 16.0, 47.0), ["part-2"]),
        ((15.5, 46.0, 16.0, 46.5), ["part-2"]),
        ((15.0, 46.0, 16.02, 47.0), ["part-2"]),
        ((15.0, 46.9, 16.0, 47.9), ["part-1", "part-2"]),
        ((15.0, 46.0, 16.0, 48.0), ["part-1", "part-2"]),
    ],
)
def test_an_older_part_stays_where_it_shows_other_ground(older_bounds, kept):
    older = made_item("part-1", baseline="05.00", bounds=older_bounds)
    assert ids([older, made_item("part-2", baseline="05.10")]) == kept


def test_the_cloud_limit_spares_scenes_without_a_value():
    assert ids(PROCESSINGS + OTHER_DAYS, max_cloud=20) == ["newest", "day-a"]


def test_an_old_processing_does_not_come_back_when_the_new_one_is_too_cloudy():
    clear_but_old = made_item("old", baseline="05.00", eo__cloud_cover=5)
    assert ids([clear_but_old, made_item("new", baseline="05.10", eo__cloud_cover=60)], max_cloud=20) == []

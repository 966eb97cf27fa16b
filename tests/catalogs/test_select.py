import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_items import made_item

import catalogs
from catalogs import CatalogError
from catalogs.search import select_from_items

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


def test_an_unofficial_baseline_does_not_pass_for_the_newest():
    unofficial = made_item("unofficial", baseline="99.99", applied=None, s2__generation_time="2022-03-01T00:00:00Z")
    assert ids([*PROCESSINGS, unofficial]) == ["newest"]
    assert ids([unofficial]) == ["unofficial"]


@given(st.permutations(PROCESSINGS + OTHER_DAYS))
def test_the_order_is_total_and_does_not_depend_on_the_order_given(items):
    assert ids(items) == ["newest", "day-a", "day-b"]


def test_another_tile_or_platform_or_pass_is_another_acquisition():
    items = [
        made_item("1"),
        made_item("2", grid__code="MGRS-33TWL"),
        made_item("3", platform="sentinel-2b"),
        made_item("4", datatake="GS2A_20230815T113111_042548", datetime="2023-08-15T11:38:37Z"),
    ]
    assert ids(items) == ["1", "2", "3", "4"]


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


def chosen(items, **settings):
    selection = select_from_items(items, ("red",), **settings)
    return [scene.id for scene in selection.scenes], selection.exclusions


def passing(name, day, bounds=(15.0, 46.0, 16.0, 47.0), cloud=0, **properties):
    stamp = f"202308{day:02}T100031_0425{day:02}"
    return made_item(
        name,
        bounds=bounds,
        datatake=f"GS2A_{stamp}",
        datetime=f"2023-08-{day:02}T10:00:00Z",
        eo__cloud_cover=cloud,
        **properties,
    )


def test_every_scene_is_kept_or_left_with_a_reason():
    kept, left = chosen(PROCESSINGS + OTHER_DAYS, max_cloud=20)
    assert kept == ["newest", "day-a"]
    assert left == {
        "day-b": "its cloud cover of 80 % is above max_cloud 20 %",
        "new": "newest is a newer processing (baseline 05.00) of the same acquisition",
        "old": "newest is a newer processing (baseline 05.00) of the same acquisition",
    }


def test_only_the_months_wanted_are_used():
    kept, left = chosen([*OTHER_DAYS, made_item("july", datetime="2023-07-31T23:59:59Z")], months=(8, 9))
    assert kept == ["day-a", "day-b"]
    assert left == {"july": "it was sensed on 2023-07-31, which is in none of the months wanted"}


def test_a_scene_must_contribute_clear_ground_of_the_area():
    items = [
        passing("whole", 1),
        passing("half-clear", 2, cloud=50),
        passing("a-tenth", 3, bounds=(15.0, 46.0, 15.1, 47.0)),
        passing("a-tenth-half-clear", 4, bounds=(15.0, 46.0, 15.1, 47.0), cloud=50),
        passing("unknown", 5, cloud=None),
    ]
    assert chosen(items, min_clear_share=0.1 - 1e-9)[0] == ["whole", "half-clear", "a-tenth", "unknown"]
    kept, left = chosen(items, area=(15.0, 46.0, 15.2, 47.0), min_clear_share=0.3)
    assert kept == ["whole", "half-clear", "a-tenth", "unknown"]
    assert left == {
        "a-tenth-half-clear": "it is expected to show 25 % of its tile's ground in the area clear, "
        "less than the 30 % of min_clear_share"
    }
    assert chosen(items, area=(15.5, 46.0, 15.6, 47.0), min_clear_share=0.01)[0] == ["whole", "half-clear", "unknown"]


def test_the_contribution_is_measured_against_what_the_tile_shows_not_against_the_area():
    edge = passing("edge", 1, bounds=(15.0, 46.0, 15.1, 47.0))
    other = passing("other", 2, grid__code="MGRS-33TWL", bounds=(15.0, 45.0, 16.0, 46.0))
    assert chosen([edge, other], area=(14.0, 44.0, 17.0, 48.0), min_clear_share=0.9)[0] == ["edge", "other"]


def test_a_tile_that_does_not_reach_the_area_contributes_nothing():
    kept, left = chosen([passing("beside", 1)], area=(18.0, 46.0, 19.0, 47.0), min_clear_share=0.01)
    assert kept == []
    assert "show 0 %" in left["beside"]


@given(st.permutations(PROCESSINGS + OTHER_DAYS), st.floats(0, 1), st.floats(0, 100))
def test_kept_and_left_are_all_items_once_whatever_the_order(items, min_clear_share, max_cloud):
    settings = {"min_clear_share": min_clear_share, "max_cloud": max_cloud, "area": (15.0, 46.0, 15.5, 46.5)}
    kept, left = chosen(items, **settings)
    assert sorted([*kept, *left]) == sorted(item["id"] for item in items)
    assert (kept, left) == chosen(PROCESSINGS + OTHER_DAYS, **settings)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_contribution_is_a_share(share):
    with pytest.raises(CatalogError, match=r"min_clear_share is .*, but it must lie within 0 and 1"):
        chosen(PROCESSINGS, min_clear_share=share)

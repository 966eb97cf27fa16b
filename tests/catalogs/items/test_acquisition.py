"""Acquisitions of items, and `catalogs.passes.assign_passes`: tiles and processings of a pass have one name."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_items import made_item
from made_styles import STYLES

import catalogs
from catalogs.passes import HALF_ORBIT, assign_passes
from catalogs.scene import read_scene

LANDSAT = STYLES["Landsat on Planetary Computer"].item
NAMELESS = {"s2__datatake_id": None}


def landsat(path, row, sensed, platform="landsat-8"):
    facts = {"landsat:wrs_path": f"{path:03}", "landsat:wrs_row": f"{row:03}", "platform": platform}
    item = {**LANDSAT, "properties": {**LANDSAT["properties"], **facts, "datetime": sensed.isoformat()}}
    return overpass(read_scene(item, ("red",)))


def overpass(scene):
    return scene.acquisition.rpartition("/")[0]


def passes(*items):
    """The pass of each item, in their order."""
    return [overpass(scene) for scene in assign_passes(read_scene(item, ("red",)) for item in items)]


def tile(name, sensed, **facts):
    return made_item(f"{name} {sensed} {len(facts)}", grid__code=f"MGRS-{name}", datetime=sensed, **facts)


def test_rows_of_a_landsat_path_are_one_pass_across_midnight_utc():
    midnight = datetime(2023, 8, 16, tzinfo=UTC)
    rows = [landsat(90, 80 + n, midnight + timedelta(seconds=24 * n - 48)) for n in range(5)]
    assert set(rows) == {"landsat-8/090-20230816"}


def test_rows_of_a_landsat_path_across_the_antimeridian_are_one_pass():
    evening = datetime(2023, 8, 15, 22, 10, tzinfo=UTC)
    rows = [landsat(74, 66 + n, evening + timedelta(seconds=24 * n)) for n in range(10)]
    assert set(rows) == {"landsat-8/074-20230815"}


def test_two_landsat_paths_of_one_day_are_two_passes():
    first = datetime(2023, 8, 15, 9, 57, tzinfo=UTC)
    assert landsat(190, 27, first) != landsat(206, 27, first + timedelta(minutes=99))
    assert landsat(190, 27, first) != landsat(190, 27, first, platform="landsat-9")


@given(
    path=st.integers(1, 233),
    day=st.integers(0, 5000),
    minutes=st.tuples(st.floats(-50, 50), st.floats(-50, 50)),
    early=st.floats(-60, 60),
)
def test_a_landsat_pass_has_one_name_from_pole_to_pole_and_another_16_days_later(path, day, minutes, early):
    west = 64.6 + (path - 1) * 360 / 233
    node = datetime(2010, 1, 1, 10, tzinfo=UTC) + timedelta(days=day, hours=west / 15, minutes=early)
    north, south = (landsat(path, 27, node + timedelta(minutes=each)) for each in minutes)
    assert north == south != landsat(path, 27, node + timedelta(days=16))


@pytest.mark.parametrize("lost", ["s2:datatake_id", "s2:product_uri"])
def test_one_name_of_a_product_is_as_good_as_all(lost):
    whole = STYLES["Earth Search v1, taken out"].item
    poor = {**whole, "properties": {name: value for name, value in whole["properties"].items() if name != lost}}
    assert passes(whole) == passes(poor) == ["sentinel-2a/20230815T095031"]


def test_tiles_of_a_datatake_are_one_pass_also_where_their_items_do_not_name_it():
    items = [
        tile("33TWM", "2023-08-15T09:57:57Z"),
        tile("33TWL", "2023-08-15T09:58:12Z", **NAMELESS),
        tile("34VFM", "2023-08-15T09:51:02Z", **NAMELESS),
    ]
    assert set(passes(*items)) == {"sentinel-2a/20230815T095031"}
    assert set(passes(*items[1:])) == {"sentinel-2a/sensed-20230815T095102"}


def test_a_scene_belongs_to_the_datatake_that_began_last_before_it():
    first = tile("33TWM", "2023-08-15T09:57:57Z")
    second = tile("33SVV", "2023-08-15T10:04:00Z", datatake="GS2A_20230815T100200_042547")
    others = [tile("33TWL", f"2023-08-15T{time}Z", **NAMELESS) for time in ("10:01:59", "10:02:00", "09:49:00")]
    names = [name.partition("/")[2] for name in passes(first, second, *others)]
    assert names[2:] == ["20230815T095031", "20230815T100200", "sensed-20230815T094900"]


@pytest.mark.parametrize("facts", [{}, NAMELESS])
def test_the_next_orbit_the_next_day_and_another_satellite_are_other_passes(facts):
    named = tile("33XWM", "2023-08-15T09:57:57Z")
    others = [
        tile("33XWM", "2023-08-15T11:38:37Z", **NAMELESS),
        tile("33XWM", "2023-08-16T09:57:57Z", **NAMELESS),
        tile("33XWM", "2023-08-15T10:00:00Z", platform="sentinel-2b", **NAMELESS),
    ]
    assert len(set(passes({**named, **tile("33XWM", "2023-08-15T09:57:57Z", **facts)}, *others))) == 4


def test_a_pass_across_midnight_utc_is_one():
    items = [tile("56HLH", f"2023-08-{time}Z", **NAMELESS) for time in ("15T23:59:50", "16T00:00:05")]
    assert set(passes(*items)) == {"sentinel-2a/sensed-20230815T235950"}


@given(
    st.permutations(range(24)),
    st.lists(st.booleans(), min_size=24, max_size=24),
    st.floats(0, 1439).map(lambda minute: timedelta(minutes=minute)),
)
def test_passes_are_those_of_the_orbits_whichever_items_name_them_and_in_whatever_order(order, named, phase):
    """Four orbits, six tiles each from the first to the last minute of the half that is mapped."""
    items, orbits = [], []
    for number in range(24):
        orbit, part = divmod(number, 6)
        begun = datetime(2023, 8, 15, tzinfo=UTC) + phase + orbit * 2 * HALF_ORBIT
        sensed = begun + part / 5 * (HALF_ORBIT - timedelta(seconds=2))
        datatake = {"datatake": f"GS2A_{begun:%Y%m%dT%H%M%S}_04254{orbit}"} if named[number] else NAMELESS
        items.append(made_item(f"{number}", datetime=sensed.isoformat(), **datatake))
        orbits.append(orbit)
    found = passes(*(items[number] for number in order))
    pairs = {(orbits[number], name) for number, name in zip(order, found, strict=True)}
    assert len(pairs) == len({name for _, name in pairs}) == 4


def test_joined_twice_is_joined_once():
    scenes = [
        read_scene(tile("33TWM", f"2023-08-15T{time}Z", **NAMELESS), ("red",)) for time in ("09:57:57", "09:58:12")
    ]
    assert assign_passes(assign_passes(scenes)) == assign_passes(scenes)
    assert assign_passes([]) == []


def test_two_processings_are_one_acquisition_whether_or_not_they_name_the_datatake():
    old = tile("33TWM", "2023-08-15T09:57:57Z", baseline="05.00", **NAMELESS)
    new = tile("33TWM", "2023-08-15T09:50:31.024Z", baseline="05.10")
    assert [scene.id for scene in catalogs.scenes([old, new], ("red",))] == [new["id"]]

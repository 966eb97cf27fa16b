"""`year.py`: the catalog on the evenings of a year."""

from datetime import UTC, datetime
from itertools import pairwise

import pystac
import pytest
from pystac.validation import validate_dict
from pystac_client import Client

import catalogs
from catalogs import CatalogError, Query
from catalogs.select import select
from catalogs.simulated import WorldError, catalog_on, publish, serve, simulate_year, truths
from catalogs.simulated.year import scenes

PASSES = 6


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    return simulate_year(tmp_path_factory.mktemp("year") / "world", 5, kilometres=1, passes=PASSES, every=30, per_km2=4)


def search(world):
    always = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    items = catalogs.search_items(Query(str(world.catalog), "sentinel-2-l2a", world.bounds_lonlat, *always))
    return [catalogs.read_scene(item, catalogs.ROLES) for item in items]


def test_evening_by_evening_the_catalog_lists_what_was_published_by_then_and_is_not_withdrawn(year):
    world, evenings = year
    for number, evening in enumerate(evenings):
        if evening.outage:
            continue
        with catalog_on(world.folder, evening) as listed:
            assert {scene.id for scene in search(world)} == set(listed)
        days = {name.split("_")[2] for name in listed}
        assert days == {other.day.replace("-", "") for other in evenings[: number + 1]}
        assert not set(evening.withdrawn) & set(listed)
    assert set(listed) | set(evenings[-1].withdrawn) == set(scenes(world))


def test_one_scene_is_withdrawn_and_one_is_there_again_of_the_same_acquisition_and_a_newer_baseline(year):
    world, evenings = year
    steps = []
    for evening in evenings:
        with catalog_on(world.folder, evening) as listed:
            if not evening.outage:
                steps.append(set(listed))
    lost = {name for before, after in pairwise(steps) for name in before - after}
    assert lost == set(evenings[-1].withdrawn) and len(lost) == 1
    (newer,) = (name for name in steps[-1] if name.endswith("_1_L2A"))
    older = newer.replace("_1_L2A", "_0_L2A")
    found = {scene.id: scene for scene in search(world)}
    assert found[newer].acquisition == found[older].acquisition
    assert found[newer].baseline > found[older].baseline
    first = next(number for number, step in enumerate(steps) if newer in step)
    assert older in steps[first - 1] and newer not in steps[first - 1]
    assert [scene.id for scene in select(found.values()).scenes if scene.id in (older, newer)] == [newer]


def test_an_outage_fails_the_search_and_is_over_afterwards(year):
    world, evenings = year
    (outage,) = (evening for evening in evenings if evening.outage)
    with catalog_on(world.folder, outage) as listed:
        assert listed == []
        with pytest.raises(CatalogError, match="no STAC catalog"):
            search(world)
    assert search(world)


def test_the_land_changes_during_the_year(year):
    world, evenings = year
    first_YX, last_YX = truths(world, [evenings[0].day, evenings[-1].day])
    assert (first_YX != last_YX).mean() > 0.01
    assert all(evenings[0].day <= change.day <= evenings[-1].day for change in world.history.changes)


def test_a_catalog_of_no_scene_is_a_catalog_and_publishing_without_a_day_lists_all(year):
    world, _ = year
    assert publish(world.folder, "2000-01-01") == []
    assert search(world) == []
    validate_dict(pystac.Catalog.from_file(str(world.catalog)).get_child("sentinel-2-l2a").to_dict(), extensions=[])
    assert publish(world.folder) == scenes(world)
    assert len(search(world)) == len(scenes(world))


def test_the_server_serves_what_is_published(year):
    world, evenings = year
    listed = publish(world.folder, evenings[1].day)
    with serve(world.folder) as url:
        found = Client.open(url).search(collections=["sentinel-2-l2a"], method="POST").items()
        assert {item.id for item in found} == set(listed)


def test_what_cannot_be_is_refused(year, tmp_path):
    world, _ = year
    with pytest.raises(WorldError, match="scene S2Z is not in"):
        publish(world.folder, withdrawn=["S2Z"])
    with pytest.raises(WorldError, match="give 2 or more"):
        simulate_year(tmp_path / "world", 5, passes=1)

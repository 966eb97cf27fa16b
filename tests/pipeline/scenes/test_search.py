"""The search of a region's items and their durable list, as a plan uses them."""

import json
import shutil
import tempfile
from datetime import datetime

import pytest
from august_query import query
from made_items import made_item
from paged_server import Faults, paged_server

from catalogs import CatalogError
from catalogs.simulated import serve
from pipeline.errors import NoScenes, RunError
from pipeline.planning.describe import describe
from pipeline.planning.plan import plan
from pipeline.scenes.search import catalog_query, find_items
from pipeline.storage.files import files_at


def test_a_region_can_be_planned_again_with_its_catalog_gone(region_of, world):
    copy = shutil.copytree(world.folder, region_of("gone").cube.parent / "world")
    region = region_of("gone", catalog=str(copy / "catalog.json"))
    first = plan(region)
    (copy / "catalog.json").unlink()
    assert plan(region).run == first.run
    with pytest.raises(CatalogError, match="no STAC catalog"):
        plan(region, refresh=True)


def test_the_search_of_an_api_leaves_a_list_and_no_pages(region_of, world):
    counted = []
    with serve(world.folder) as url:
        region = region_of("api", catalog=url, allowed_paths=[str(world.folder)])
        listed, _ = find_items(files_at(region.cube), catalog_query(region), progress=counted.append)
    assert len(listed) == len((world.folder / "items.ndjson").read_text().splitlines()) == counted[-1]
    assert sorted(path.suffix for path in (region.cube / "scenes").iterdir()) == [".json", ".parquet"]


def test_a_search_that_cannot_tell_whether_it_is_whole_says_so_in_every_plan(region_of, world):
    items = [json.loads(line) for line in (world.folder / "items.ndjson").read_text().splitlines()]
    faults = Faults()
    faults.counted = lambda number: number + 1
    with paged_server(items, faults) as (url, searches):
        region = region_of("estimate", catalog=url, allowed_paths=[str(world.folder)])
        assert f"{url} counts " in plan(region).warnings[0]
        asked = len(searches)
        assert plan(region).warnings[0] == describe(plan(region)).warnings[0]
        assert len(searches) == asked
        faults.counted = lambda number: number
        assert not any(url in warning for warning in plan(region, refresh=True).warnings)


def test_pages_of_a_search_whose_list_finds_no_room_are_not_asked_for_again(tmp_path, monkeypatch):
    cube = files_at(tmp_path / "cube")
    with paged_server([made_item()]) as (url, searches):
        with monkeypatch.context() as patch:
            patch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
            with pytest.raises(RunError, match=r"the temporary folder \(TMPDIR\) cannot be used .* make room"):
                find_items(cube, query(url))
        assert len(find_items(cube, query(url))[0]) == 1
        assert len(searches) == 1


@pytest.mark.parametrize(
    ("period", "said"),
    [
        (["2024-05-01", "2024-05-31"], r"none of the 2 items that .* gives can be used, the first because item a has"),
        (
            ["2023-05-01", "2023-05-31"],
            "no scenes of 'sentinel-2-l2a' in .* for this area from 2023-05-01 to 2023-05-31",
        ),
    ],
)
def test_where_no_item_is_left_the_reason_is_told(tmp_path, period, said):
    bad = [made_item(name, datetime="2024-05-05T10:00:00Z", eo__cloud_cover="much") for name in ("a", "b")]
    (tmp_path / "items.ndjson").write_text("\n".join(map(json.dumps, bad)))
    start, end = (datetime.fromisoformat(f"{day}T00:00:00Z") for day in period)
    asked = query(tmp_path / "items.ndjson", start=start, end=end)
    with pytest.raises(NoScenes, match=said):
        find_items(files_at(tmp_path / "cube"), asked)


def test_items_that_cannot_be_used_at_all_are_named_in_the_plan(region_of, world):
    copy = shutil.copytree(world.folder, region_of("odd").cube.parent / "world")
    path = next(copy.glob("sentinel-2-l2a/S2B*/*.json"))
    item = json.loads(path.read_text())
    path.write_text(json.dumps(item | {"geometry": {"type": "Point", "coordinates": [12, 48]}}))
    region = region_of("odd", catalog=str(copy / "catalog.json"))
    assert "must be a Polygon" in plan(region).selection.exclusions[item["id"]]


def test_whatever_changes_pixels_changes_the_fingerprints_and_what_does_not_keeps_them(region_of):
    def prints(name, **changes):
        planned = plan(region_of(name, **changes))
        return [planned.fingerprints(block) for block in planned.extent.blocks()]

    plain = prints("plain")
    scl = {"asset": "scl", "clear": [4, 5, 6, 7, 11], "cloud": [8, 9, 10], "dilate": 60}
    assert prints("same", mask=scl, mosaic={"target_day": "2024-05-05"}, commit_every=1, max_degraded=0.5) == plain
    for name, changes in {
        "dilate": {"mask": scl | {"dilate": 80}},
        "method": {"mosaic": {"method": "mean"}},
        "best": {"mosaic": {"method": "best"}},
        "resampling": {"mosaic": {"resampling": "cubic"}},
        "months": {"months": [5, 6]},
    }.items():
        changed = prints(name, **changes)
        assert all(a[0] != b[0] and a[1] != b[1] for a, b in zip(changed, plain, strict=True)), name
    july, june = (prints(day, mosaic={"method": "best", "target_day": f"2024-{day}-01"}) for day in ("07", "06"))
    assert all(a != b for a, b in zip(july, june, strict=True))

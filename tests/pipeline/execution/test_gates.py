"""What stands between a finished run and its publication: no new version loses or changes much unseen.

`check_blocks` is tested by whole runs, in test_run.py and test_polygon.py.
"""

from datetime import date

import numpy as np
import pytest
import shapely
import zarr
from made_versions import LAYOUT, SUMMER, landcover_of, mapped, plain, published

from pipeline.config.sections import GateSettings
from pipeline.cube import store, versions
from pipeline.cube.create import add_period
from pipeline.cube.cube import Cube
from pipeline.cube.schema import Layout
from pipeline.errors import RunError
from pipeline.execution.gates import check_gates, gates
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window

STRICT = GateSettings()
LAX = GateSettings(max_lost_coverage=1, max_drift=1, max_holes=1)
NEXT_YEAR = date(2025, 5, 1), date(2025, 8, 31)


@pytest.fixture
def cube(tmp_path):
    return Cube.create(tmp_path / "cube")


def checked(cube, landcover_HW, settings=LAX, **how):
    branch, time, _ = mapped(cube, landcover_HW, run="new", **how)
    return {gate.name: gate for gate in check_gates(cube, branch, LAYOUT, time, settings)}


def with_block(landcover_HW, block, code, rows=256):
    changed_HW = landcover_HW.copy()
    y, x = block[0] * 256, block[1] * 256
    changed_HW[y : y + rows, x : min(x + 256, 700)] = code
    return changed_HW


def test_a_first_version_passes_and_says_that_there_is_nothing_to_compare_with(cube):
    found = checked(cube, plain(), STRICT)
    assert set(found) == {"lost_coverage", "drift", "holes"}
    assert all(gate.passed for gate in found.values())
    for name in ("lost_coverage", "drift"):
        assert found[name].value is None
        assert "nothing to compare with" in found[name].why
    assert found["holes"].value == 0


def test_a_map_that_loses_coverage_is_not_published_and_says_how_much(cube):
    before = published(cube, plain())
    with pytest.raises(RunError) as told:
        checked(cube, with_block(plain(), (0, 0), 0), STRICT)
    sentence = str(told.value)
    lost = 256 * 256 / (512 * 700)
    assert f"lost_coverage {lost:.2%} is more than gates.max_lost_coverage 5.00%" in sentence
    assert "drift" not in sentence
    assert "holes" not in sentence
    assert "idgbr diff CUBE newest run-new" in sentence
    assert versions.resolve(cube) == before
    assert "run-new" in cube.repository.list_branches()


def test_coverage_may_be_lost_up_to_the_limit(cube):
    published(cube, plain())
    rows = 70
    found = checked(cube, with_block(plain(), (0, 0), 0, rows), STRICT)
    assert found["lost_coverage"].value == pytest.approx(rows * 256 / (512 * 700))
    exact = GateSettings(max_lost_coverage=found["lost_coverage"].value)
    assert checked(cube, with_block(plain(), (0, 0), 0, rows), exact)["lost_coverage"].passed
    with pytest.raises(RunError, match="lost_coverage"):
        checked(cube, with_block(plain(), (0, 0), 0, rows + 1), exact)


def test_coverage_gained_elsewhere_does_not_make_up_for_what_a_block_loses(cube):
    published(cube, with_block(plain(), (1, 0), 0))
    found = checked(cube, with_block(plain(), (0, 0), 0))
    assert found["lost_coverage"].value == pytest.approx(256 * 256 / (512 * 700 - 256 * 256))


def test_drift_is_the_total_variation_distance_of_class_shares_in_blocks_mapped_both_times(cube):
    before = with_block(with_block(plain(10), (0, 1), 30), (0, 2), 0)
    after = with_block(with_block(plain(10), (0, 1), 80), (0, 2), 30)
    published(cube, before)
    found = checked(cube, after)
    assert found["drift"].value == pytest.approx(256 * 256 / (512 * 700 - 256 * 188))
    assert "Grass changes most" in found["drift"].why
    assert "to 0.0%" in found["drift"].why


def test_a_map_of_other_classes_is_not_published(cube):
    published(cube, plain(10))
    with pytest.raises(RunError, match=r"drift 100.00% is more than gates.max_drift 25.00%"):
        checked(cube, plain(30), STRICT)


def test_observed_pixels_without_a_class_are_holes_and_unseen_ones_are_not(cube):
    map_HW = plain()
    map_HW[:10, :10] = 0
    seen_HW = plain() > 0
    seen_HW[:10, :5] = False
    found = checked(cube, map_HW, seen_HW=seen_HW)
    assert found["holes"].value == pytest.approx(50 / (512 * 700 - 50))
    with pytest.raises(RunError, match="50 of 358,350 observed pixels have no class"):
        checked(cube, map_HW, STRICT, seen_HW=seen_HW)


def test_a_block_that_was_never_processed_is_a_hole(cube):
    unseen = with_block(plain(), (1, 2), 0)
    with pytest.raises(RunError, match="1 of 6 blocks were never processed"):
        checked(cube, unseen, STRICT, unprocessed=[(1, 2)])
    assert checked(cube, unseen, STRICT)["holes"].value == 0


def test_blocks_outside_the_polygon_need_not_be_processed(cube):
    branch, time, _ = mapped(cube, with_block(plain(), (1, 2), 0), unprocessed=[(1, 2)])
    left_of_it = shapely.box(0, -5120, 5000, 0)
    layout = Layout(Extent(LAYOUT.extent.grid, LAYOUT.extent.window, left_of_it), LAYOUT.bands, LAYOUT.classes)
    group = cube.group(branch=branch)
    assert next(g for g in gates(group, None, time, layout, STRICT) if g.name == "holes").passed
    assert not next(g for g in gates(group, None, time, LAYOUT, STRICT) if g.name == "holes").passed


def test_all_gates_that_failed_are_named_and_what_to_do(cube):
    published(cube, plain(10))
    with pytest.raises(RunError) as told:
        checked(cube, with_block(plain(30), (0, 0), 0), STRICT, seen_HW=plain() > 0)
    for name in ("max_lost_coverage", "max_drift", "max_holes"):
        assert f"gates.{name}" in str(told.value)
    assert "raise the setting" in str(told.value)


def test_a_new_period_is_compared_with_the_newest_earlier_one(cube):
    published(cube, plain(10), (date(2022, 5, 1), date(2022, 8, 31)), "oldest")
    published(cube, plain(30), SUMMER, "middle")
    found = checked(cube, plain(30), STRICT, period=NEXT_YEAR)
    assert found["drift"].value == 0
    assert "period from 2024-05-01" in found["drift"].why
    assert found["lost_coverage"].value == 0


def test_a_period_before_all_others_has_nothing_to_compare_with(cube):
    published(cube, plain(10), NEXT_YEAR)
    found = checked(cube, plain(30), STRICT)
    assert found["drift"].value is None
    assert found["lost_coverage"].value is None


def test_gates_change_nothing(cube):
    before = published(cube, plain())
    checked(cube, plain())
    assert (landcover_of(cube, before)[0] == plain()).all()
    assert versions.head(cube) == before


def test_records_are_read_a_stripe_at_a_time(tmp_path, monkeypatch):
    """150 rows of blocks: no read takes more than 64 of them."""
    cube = Cube.create(tmp_path / "tall")
    layout = Layout(Extent(Grid("EPSG:3035", 10, 256), Window(0, 0, 150 * 256, 256)), LAYOUT.bands, LAYOUT.classes)
    session = cube.repository.writable_session("main")
    group = zarr.open_group(session.store)
    time = add_period(group, layout, SUMMER)
    store.array(group, "blocks/pixels")[time, :, :, 0] = 65536
    store.array(group, "blocks/state")[time] = 1
    read, getitem = [], zarr.Array.__getitem__

    def noted(array, selection):
        found = getitem(array, selection)
        if "blocks/" in array.path:
            read.append(np.shape(found)[0])
        return found

    monkeypatch.setattr(zarr.Array, "__getitem__", noted)
    found = gates(group, group, time, layout, STRICT)
    assert all(gate.passed for gate in found)
    assert [gate.value for gate in found] == [0, 0, 0]
    assert max(read) == 64
    assert sum(read) == 4 * 150

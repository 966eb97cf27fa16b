"""What differs between two versions: exact counts, and no block read that was made from the same."""

from datetime import date

import pytest
from made_versions import SUMMER, mapped, plain, published

from pipeline.analysis import diff as diff_module
from pipeline.analysis.diff import BlockCounts, ClassChange, CodeCount, diff
from pipeline.cube import tags
from pipeline.cube.cube import Cube
from pipeline.errors import UserError

NEXT_YEAR = date(2025, 5, 1), date(2025, 8, 31)


@pytest.fixture
def cube(tmp_path):
    return Cube.create(tmp_path / "cube")


@pytest.fixture
def two(cube):
    """Tree everywhere; then 300 pixels grass and 40 no data in block (0, 0), and 7 water in block (1, 2)."""
    before, after = plain(10), plain(10)
    after[0:10, 0:30] = 30
    after[20:24, 0:10] = 0
    after[300, 600:607] = 80
    return published(cube, before, run="a"), published(cube, after, run="b")


def test_the_change_matrix_counts_every_changed_pixel_once(cube, two):
    found = diff(cube, *two)
    assert found.changes == [(10, 30, 300), (10, 0, 40), (10, 80, 7)]
    report = found.report()
    assert report.changes[0] == ClassChange("Tree", "Grass", 300, pytest.approx(0.03))
    assert report.changes[1].to == "no data"
    assert report.pixels.changed == 347
    assert report.pixels.changed_km2 == pytest.approx(0.0347)


def test_only_blocks_made_from_something_else_are_read(cube, two, monkeypatch):
    read, changes = [], diff_module._changes
    monkeypatch.setattr(diff_module, "_changes", lambda *args: read.append(args[-1]) or changes(*args))
    report = diff(cube, *two).report()
    assert sorted(read) == [(0, 0), (1, 2)]
    assert report.blocks == BlockCounts(compared=6, differing=2)
    assert report.pixels.read == 256 * 256 + 256 * 188


def test_blocks_have_their_own_counts(cube, two):
    first, second = diff(cube, *two).report().per_block
    assert (first.block, first.changed) == ((0, 0), 340)
    assert (second.block, second.changed) == ((1, 2), 7)
    assert CodeCount(10, 10, 256 * 188 - 7) in second.changes


def test_backwards_is_the_transpose(cube, two):
    there, back = diff(cube, *two), diff(cube, *two[::-1])
    assert sorted((new, old, pixels) for old, new, pixels in back.changes) == sorted(there.changes)


def test_versions_are_named_by_tag_and_by_newest_and_previous(cube, two):
    tags.add(cube, "first", two[0])
    assert diff(cube, "first", "newest").changes == diff(cube, *two).changes
    assert diff(cube, "previous", "newest").a == two[0]
    assert diff(cube, "newest", "newest").report().blocks.differing == 0
    with pytest.raises(UserError, match="no version 'nothing'"):
        diff(cube, "nothing", "newest")


def test_a_run_that_is_not_published_is_compared_by_its_branch(cube, two):
    branch, _, _ = mapped(cube, plain(80), run="held-back")
    assert sum(pixels for *_, pixels in diff(cube, "newest", branch).changes) == 512 * 700 - 7


def test_the_newest_common_period_is_compared_unless_one_is_named(cube, two):
    third = published(cube, plain(30), NEXT_YEAR, "c")
    fourth = published(cube, plain(80), NEXT_YEAR, "d")
    assert diff(cube, third, fourth).changes == [(30, 80, 512 * 700)]
    assert diff(cube, third, fourth, SUMMER[0]).changes == []
    assert diff(cube, two[0], fourth).period == SUMMER[0]
    with pytest.raises(UserError, match=f"version {two[0]} has no period from 2025-05-01; give one of 2024-05-01"):
        diff(cube, two[0], fourth, NEXT_YEAR[0])


def test_progress_is_told_block_by_block(cube, two):
    told = []
    diff(cube, *two, workers=1, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]

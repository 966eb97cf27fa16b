"""Updates with a change model: which blocks keep their map, and that the rest is as if all had been mapped at once.

Covers `change/questions.py`, `change/plans.py`, `change/records.py`, `change/preview.py`, `inputs.py`, `copy.py`,
`screen_audit.py`, `change_report.py` and `change_summary.py`.
"""

import json
import shutil
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
import torch
import yaml
from acquisitions import LATER
from change_questions import questions
from command import answer, run_here, sentence
from cube_bytes import ARRAYS, assert_same, bytes_of
from pyproj import Transformer
from seen_change import SeenChange

import idgbr.change
from catalogs.simulated import acquire
from idgbr.change import ChangeNetwork, ChangePipeline
from idgbr.pipeline import IDGBRPipeline
from pipeline.analysis.check import check
from pipeline.analysis.query import point
from pipeline.change.outcome import Outcome
from pipeline.change.parts import WHOLE, mask_of
from pipeline.change.records import ALERTS, BETTER, OUTCOME, PART_ALERT_DAYS, PARTS, SCORE, SCREENED, read_record
from pipeline.config.sections import ChangeSettings, GateSettings
from pipeline.cube import store, versions
from pipeline.cube.cube import Cube
from pipeline.cube.open import open_cube
from pipeline.cube.schema import MAP_ARRAYS
from pipeline.cube.status import status
from pipeline.execution import screen_audit
from pipeline.execution.change_report import read_audits
from pipeline.execution.change_summary import change_summary
from pipeline.execution.report_page import page_file
from pipeline.execution.reported_run import find_run
from pipeline.execution.run import run
from pipeline.execution.screen import decide
from pipeline.geometry.grid import Window
from pipeline.segment.batching import BatchingDevice
from pipeline.segment.block import segment

NO_BETTER_YX = np.zeros((1, 4), np.uint8)
NO_PARTS_YX = np.zeros((1, 4), np.uint64)


def change_layer(region):
    cube = open_cube(region.cube)
    return cube.change.values, cube.change_day.values


@pytest.fixture
def seen(monkeypatch, tmp_path):
    """A change model that sees what a test puts into its windows."""
    model = SeenChange()
    monkeypatch.setattr(ChangePipeline, "from_pretrained", classmethod(lambda cls, folder: model))
    return model


def gated(region, **changes):
    settings = {"model": "any", "audit": 0.0, "min_area": 14, "better": 0.0, **changes}
    return region.model_copy(update={"change": ChangeSettings(**settings)})


def inside(region, block, side=40):
    """A square in the middle of a block."""
    window = region.extent.covered(block)
    y, x = (window.y0 + window.y1) // 2, (window.x0 + window.x1) // 2
    return Window(y - side // 2, x - side // 2, y + side // 2, x + side // 2)


def centre(region, block):
    """Degrees of the middle of a block."""
    window = region.extent.covered(block)
    to_lonlat = Transformer.from_crs(region.extent.grid.crs, "EPSG:4326", always_xy=True)
    return to_lonlat.transform(5 * (window.x0 + window.x1), -5 * (window.y0 + window.y1))


def western(region):
    """The block of the first column that has the most pixels; the new scenes show it."""
    first = min(x for _, x in region.extent.blocks())
    return max(
        (block for block in region.extent.blocks() if block[1] == first),
        key=lambda block: np.prod(region.extent.covered(block).shape),
    )


def differing(region, before, after, arrays=ARRAYS):
    """The blocks of which any array differs."""
    extent = region.extent
    parts = {b: extent.covered(b).slices((extent.window.y0, extent.window.x0)) for b in extent.blocks()}
    return {
        b
        for b, at in parts.items()
        if any(before[n][..., *at].tobytes() != after[n][..., *at].tobytes() for n in arrays)
    }


def outcomes(region, name=OUTCOME, time=0):
    group, extent = Cube.open(region.cube).group(), region.extent
    record_YX = read_record(group, name, time)
    return {block: int(record_YX[extent.slot(block)]) for block in extent.blocks()}


def alert_days(region):
    """The last day on which a view of each block showed a change that awaits others, in any part."""
    group, extent = Cube.open(region.cube).group(), region.extent
    day_YX = read_record(group, PART_ALERT_DAYS, 0).max(-1)
    return {block: int(day_YX[extent.slot(block)]) for block in extent.blocks()}


def taken(region, block):
    """The pixels of a block that got their new mosaic."""
    return mask_of(outcomes(region, PARTS)[block], region.extent.covered(block), region.extent.grid.block_window(block))


def assert_maps_are_those_of_the_mosaic(region, time=0):
    """Maps every block from the mosaic in the cube."""
    torch.set_num_threads(1)
    group, extent = Cube.open(region.cube).group(), region.extent
    mosaic = store.array(group, "mosaic")
    device = BatchingDevice(IDGBRPipeline.from_pretrained(region.model).to("cpu"))
    for block in extent.blocks():
        window = extent.covered(block)
        labels = segment(device, lambda w: store.read_window(mosaic, time, extent, w), window)
        for name in MAP_ARRAYS:
            kept_HW = store.read_window(store.array(group, name), time, extent, window)
            assert getattr(labels, f"{name}_HW").tobytes() == kept_HW.tobytes(), (name, block)
    device.close()


def test_blocks_whose_ground_has_not_changed_keep_all_bytes_in_a_sound_cube_and_are_not_asked_again(growing, seen):
    region, world = growing
    place = centre(region, western(region))
    before, first = bytes_of(region), point(region.cube, *place).periods[0]
    acquire(world, LATER[:1], tiles=["32UQU", "32UQV"])
    looks = []
    report = run(gated(region), refresh=True, listener=lambda event: looks.append(status(Cube.open(region.cube))))
    assert {(run, at.stage) for look in looks for run, at in look.running.items()} == {(report.run, "screen")}
    assert all(look.held_by.startswith(f"run {report.run} of region") for look in looks)
    assert report.done.segment == 0, report.change
    assert report.done.mosaic == report.change.asked == report.change.outcomes["screened_out"] > 0
    assert_same(before, bytes_of(region))
    assert report.change.changes == []
    assert check(Cube.open(region.cube), report.version).sound
    assert sum(each == Outcome.SCREENED_OUT for each in outcomes(region).values()) == report.change.asked

    told = point(region.cube, *place).periods[0]
    assert told.scenes == first.scenes, "not the new scenes"
    assert told.run == first.run != report.run

    again = run(gated(region), refresh=True)
    assert again.version == report.version
    assert not again.done_anything
    assert Cube.open(region.cube).repository.list_branches() == {"main"}


def test_what_a_killed_update_had_asked_is_deleted_by_the_next_also_without_a_change_model(growing):
    region, _ = growing
    cube = Cube.open(region.cube)
    cube.repository.create_branch("screen-a1", versions.head(cube))
    run(region)
    assert cube.repository.list_branches() == {"main", "screen-a1"}
    run(region, refresh=True)
    assert cube.repository.list_branches() == {"main"}


def test_an_update_that_is_killed_when_it_has_published_leaves_its_report_to_the_next_one(growing, seen, monkeypatch):
    region, world = growing
    acquire(world, LATER[:1], tiles=["32UQU", "32UQV"])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("pipeline.execution.run.drop_screens", lambda cube: (_ for _ in ()).throw(KeyboardInterrupt))
        run(gated(region), refresh=True)
    newest = versions.history(Cube.open(region.cube))[0]
    assert not run(gated(region), refresh=True).done_anything
    found = find_run(Cube.open(region.cube))
    assert found.report.run == newest.origin.run
    assert (found.report.version, found.report.published) == (newest.snapshot, True)
    assert found.report.done.mosaic == found.report.change.asked > 0
    assert Cube.open(region.cube).files.exists(page_file(newest.origin.run))


@pytest.mark.long
def test_a_changed_block_and_the_blocks_that_see_it_are_mapped_and_all_maps_are_those_of_the_mosaic(growing, seen):
    region, world = growing
    before = bytes_of(region)
    acquire(world, LATER, tiles=["32UQU", "32UQV"])
    changed = western(region)
    seen.windows = [(inside(region, changed), 0.83)]
    report = run(gated(region), refresh=True)
    assert outcomes(region)[changed] == Outcome.CHANGED
    assert outcomes(region, SCORE)[changed] == 83
    assert report.change.outcomes["changed"] == 1
    assert report.change.mapped == report.done.segment == 1 + report.change.neighbours
    assert 0 < report.change.neighbours < len(list(region.extent.blocks())) - 1
    after = bytes_of(region)
    assert changed in differing(region, before, after)
    mosaics = {n: before[n] if n != "mosaic" else after[n] for n in ARRAYS}
    assert differing(region, before, mosaics) == {changed}
    taken_HW = taken(region, changed)
    assert report.change.replaced_km2 == pytest.approx(taken_HW.sum() * 1e-4, abs=1e-3)
    assert 0 < taken_HW.sum() < taken_HW.size
    at = region.extent.covered(changed).slices((region.extent.window.y0, region.extent.window.x0))
    for name in ("mosaic", "observations"):
        old, new = (each[name][0][..., *at] for each in (before, after))
        assert (old == new)[..., ~taken_HW].all(), name
        assert (old != new)[..., taken_HW].any(), name
    assert not run(gated(region), refresh=True).done_anything
    assert_maps_are_those_of_the_mosaic(region)
    change, day = (layer[0] for layer in change_layer(region))
    window, _ = seen.windows[0]
    at = window.slices((region.extent.window.y0, region.extent.window.x0))
    known_HW = before["mosaic"][0][:, *at].any(0) & after["mosaic"][0][:, *at].any(0)
    assert known_HW.any()
    assert (change[at] == np.where(known_HW, 83, 0)).all()
    assert (day[at][known_HW] == open_cube(region.cube).last_clear.values[0][at][known_HW]).all()
    assert np.count_nonzero(change) == np.count_nonzero(~np.isnat(day)) == known_HW.sum()
    assert sum(change.pixels for change in report.change.changes) == int(
        (before["landcover"] != after["landcover"]).sum()
    )


@pytest.mark.long
def test_where_all_ground_has_changed_the_map_is_that_of_a_fresh_run(growing, seen, region_of, strip):
    region, world = growing
    acquire(world, LATER[:1], tiles=["32UQU", "32UQV"])
    seen.windows = [(region.extent.window, 1.0)]
    run(gated(region), refresh=True)
    fresh = region_of("fresh", catalog=str(world / "catalog.json"), bbox=strip)
    run(fresh)
    assert_same(bytes_of(region), bytes_of(fresh))


@pytest.mark.long
def test_without_the_change_model_what_was_kept_is_mapped_as_in_a_fresh_run(growing, seen, region_of, strip):
    region, world = growing
    acquire(world, LATER[:1], tiles=["32UQU", "32UQV"])
    seen.windows = [(inside(region, min(region.extent.blocks())), 0.9)]
    run(gated(region), refresh=True)
    assert run(region, refresh=True).done.segment > 0
    fresh = region_of("fresh", catalog=str(world / "catalog.json"), bbox=strip)
    run(fresh)
    assert_same(bytes_of(region), bytes_of(fresh))


def test_a_block_goes_on_where_anything_of_it_has_changed_for_certain_and_awaits_views_where_it_is_shown_alone():
    settings = ChangeSettings(model="any", threshold=0.5, confirm=2)
    none_YX, score_YX = np.zeros((1, 4), bool), np.array([[50, 49, 50, 0]])
    asked, parts_YX = questions(settings=settings), np.array([[0, 0, 1, 1]], np.uint64)
    outcome_YX = decide(asked, none_YX, score_YX, NO_BETTER_YX, parts_YX)
    waits, screened, changed = Outcome.AWAITS_VIEWS, Outcome.SCREENED_OUT, Outcome.CHANGED
    assert outcome_YX.tolist() == [[waits, screened, changed, changed]]


@pytest.mark.long
def test_an_update_whose_scenes_do_not_see_the_changed_ground_again_does_not_confirm_its_change(growing, seen):
    region, world = growing
    before, settings = bytes_of(region), gated(region.model_copy(update={"max_cloud": 100.0}), confirm=1)
    changed = min(region.extent.blocks())
    seen.windows = [(inside(region, changed), 0.9)]
    acquire(world, LATER[:1], tiles=["32UQU", "32UQV"])
    run(settings, refresh=True)
    day = alert_days(region)[changed]
    assert (outcomes(region)[changed], outcomes(region, ALERTS)[changed]) == (Outcome.AWAITS_VIEWS, 1)
    assert date(1970, 1, 1) + timedelta(days=day) == date.fromisoformat(LATER[0].day)

    acquire(world, [replace(LATER[1], day="2024-08-05", cloudiness=0.97)], tiles=["32UQU", "32UQV"])
    report = run(settings, refresh=True)
    assert report.change.asked > 0
    assert (outcomes(region)[changed], outcomes(region, ALERTS)[changed]) == (Outcome.AWAITS_VIEWS, 1)
    assert_same(before, bytes_of(region))

    acquire(world, LATER[1:], tiles=["32UQU", "32UQV"])
    run(settings, refresh=True)
    assert (outcomes(region)[changed], outcomes(region, ALERTS)[changed]) == (Outcome.CHANGED, 0)
    assert alert_days(region)[changed] == 0


def test_blocks_go_on_for_their_reason_whatever_their_score_and_wait_where_a_scene_cannot_be_read():
    going_YX = np.array([[Outcome.NEVER_MAPPED, Outcome.DEGRADED, Outcome.DEGRADED, 0]], np.uint8)
    asked_YX = np.array([[False, False, False, True]])
    degraded_YX = np.array([[True, True, False, True]])
    asked = questions(going_YX=going_YX, asked_YX=asked_YX)
    outcome_YX = decide(asked, degraded_YX, NO_BETTER_YX, NO_BETTER_YX, NO_PARTS_YX)
    assert outcome_YX.tolist() == [[Outcome.NEVER_MAPPED, Outcome.UNREADABLE, Outcome.DEGRADED, Outcome.UNREADABLE]]


def test_blocks_of_far_better_views_go_on_unless_their_ground_has_changed_awaits_views_or_cannot_be_read():
    settings = ChangeSettings(model="any", threshold=0.5, confirm=1, better=0.4)
    score_YX, better_YX = np.array([[0, 0, 50, 50]], np.uint8), np.array([[40, 39, 90, 90]], np.uint8)
    asked, parts_YX = questions(settings=settings), np.array([[0, 0, 0, 1]], np.uint64)
    readable_YX = np.zeros((1, 4), bool)
    outcome_YX = decide(asked, readable_YX, score_YX, better_YX, parts_YX)
    better, screened = Outcome.BETTER_VIEWS, Outcome.SCREENED_OUT
    assert outcome_YX.tolist() == [[better, screened, Outcome.AWAITS_VIEWS, Outcome.CHANGED]]
    assert better.goes_on
    outcome_YX = decide(asked, ~readable_YX, score_YX, better_YX, parts_YX)
    assert set(outcome_YX.ravel().tolist()) == {Outcome.UNREADABLE}
    never = questions(settings=settings.model_copy(update={"better": 0.0}))
    outcome_YX = decide(never, readable_YX, 0 * score_YX, better_YX, NO_PARTS_YX)
    assert set(outcome_YX.ravel().tolist()) == {screened}


@pytest.mark.long
def test_a_scene_that_cannot_be_read_neither_shrinks_the_map_nor_makes_a_version_and_is_tried_again(growing, seen):
    region, world = growing
    before, first = bytes_of(region), versions.head(Cube.open(region.cube))
    (new,) = acquire(world, LATER[:1], tiles=["32UQU"])
    red = world / "sentinel-2-l2a" / new / "B04.tif"
    red.rename(red.with_suffix(".away"))
    for _ in range(2):
        report = run(gated(region), refresh=True)
        assert report.version == first
        assert set(report.lost) == {new}
    assert_same(before, bytes_of(region))
    red.with_suffix(".away").rename(red)
    last = run(gated(region), refresh=True)
    assert last.change.outcomes.keys() == {"screened_out"}
    assert last.lost == {}


@pytest.mark.long
def test_blocks_that_lack_a_scene_as_before_stay_in_a_greater_outage_and_get_what_new_scenes_show(growing, seen):
    region, world = growing
    region = region.model_copy(update={"max_degraded": 1.0, "gates": GateSettings(max_lost_coverage=1.0)})
    (new,) = acquire(world, LATER[:1], tiles=["32UQU"])
    scenes = world / "sentinel-2-l2a"
    red = scenes / new / "B04.tif"
    red.rename(red.with_suffix(".away"))
    first = run(region, refresh=True)
    assert first.count.degraded > 0
    before = bytes_of(region)
    still = run(gated(region), refresh=True)
    assert (still.version, still.change) == (first.version, None)

    away = [path.rename(path.with_suffix(".away")) for path in [*scenes.glob("*/B0*.tif")]]
    outage = run(gated(region), refresh=True)
    assert len(outage.lost) > 1
    assert outage.version == first.version
    assert_same(before, bytes_of(region))
    for path in away:
        path.rename(path.with_suffix(".tif"))
    acquire(world, LATER[1:], tiles=["32UQU"])
    more = run(gated(region), refresh=True)
    assert set(more.lost) == {new}
    assert more.change.outcomes["degraded"] == more.count.degraded == first.count.degraded
    assert open_cube(region.cube).observations.values.sum() > before["observations"].sum()

    red.with_suffix(".away").rename(red)
    last = run(gated(region), refresh=True)
    assert last.change.outcomes == {"degraded": first.count.degraded}
    assert last.lost == {}


@pytest.mark.long
def test_a_block_that_is_seen_far_better_is_mapped_once_more_and_then_kept(growing, seen):
    region, world = growing
    settings = gated(region, better=0.2)
    acquire(world, LATER[:1], tiles=["32UQU", "32UQV"])
    report = run(settings, refresh=True)
    better = {block for block, outcome in outcomes(region).items() if outcome == Outcome.BETTER_VIEWS}
    assert better == {block for block, percent in outcomes(region, BETTER).items() if percent >= 20}
    assert report.change.outcomes == {"screened_out": report.change.asked - len(better), "better_views": len(better)}
    assert 0 < len(better) < report.change.asked
    assert "seen far better" in report.change.reasons["better_views"]
    assert_maps_are_those_of_the_mosaic(region)
    assert not run(settings, refresh=True).done_anything

    before = bytes_of(region)
    acquire(world, LATER[1:], tiles=["32UQU", "32UQV"])
    assert run(settings, refresh=True).change.outcomes == {"screened_out": report.change.asked}
    assert_same(before, bytes_of(region))


@pytest.mark.long
def test_an_update_that_is_interrupted_after_every_other_commit_ends_with_the_same_bytes(growing, seen, monkeypatch):
    region, world = growing
    acquire(world, LATER[:1], tiles=["32UQU", "32UQV"])
    copy = shutil.copytree(region.cube, region.cube.with_name("other"))
    changed = western(region)
    seen.windows = [(inside(region, changed), 0.9)]
    settings = gated(region, audit=0.5, better=0.2)
    run(settings.model_copy(update={"cube": copy}), refresh=True)
    commit, left = Cube.commit, [0]

    def interrupted(cube, *arguments):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return commit(cube, *arguments)

    monkeypatch.setattr(Cube, "commit", interrupted)
    interruptions = 0
    while interruptions < 30:
        left[0] = 2
        try:
            report = run(settings, refresh=True)
            break
        except KeyboardInterrupt:
            interruptions += 1
    assert 2 < interruptions < 30
    assert report.change.audit.saved_seconds is None
    assert ("device seconds saved", "not known, for it was interrupted") in change_summary(report.change)
    assert_same(bytes_of(region), bytes_of(region.model_copy(update={"cube": copy})))
    for mine, other in zip(change_layer(region), change_layer(region.model_copy(update={"cube": copy})), strict=True):
        assert mine.any()
        assert mine.tobytes() == other.tobytes()
    assert Outcome.BETTER_VIEWS in outcomes(region).values()
    assert 0 < outcomes(region, PARTS)[changed] < WHOLE
    assert_maps_are_those_of_the_mosaic(region)
    for name in (OUTCOME, SCORE, SCREENED, BETTER, PARTS):
        assert outcomes(region, name) == outcomes(region.model_copy(update={"cube": copy}), name)
    assert len(versions.history(Cube.open(region.cube))) == 2
    monkeypatch.setattr(Cube, "commit", commit)
    assert not run(settings, refresh=True).done_anything


@pytest.mark.long
def test_an_audit_of_all_skipped_blocks_counts_what_a_fresh_run_maps_differently(growing, seen, region_of, strip):
    region, world = growing
    before = bytes_of(region)
    acquire(world, LATER[:1], tiles=["32UQU", "32UQV"])
    report = run(gated(region, audit=1.0), refresh=True)
    audit = report.change.audit
    assert audit.audited == audit.skipped == report.change.audited > 0
    assert_same(before, bytes_of(region))
    fresh = region_of("fresh", catalog=str(world / "catalog.json"), bbox=strip)
    run(fresh)
    old_HW, new_HW = before["landcover"][0], bytes_of(fresh)["landcover"][0]
    differing_HW = (old_HW != new_HW) & (old_HW > 0) & (new_HW > 0)
    km2 = audit.flicker_km2.value + audit.missed_km2.value
    assert km2 == pytest.approx(differing_HW.sum() * 1e-4)
    assert audit.saved_seconds.value == pytest.approx(-report.change.device_seconds["screen"], abs=0.02)
    assert len(read_audits(Cube.open(region.cube))[0]) == audit.audited
    for block in read_audits(Cube.open(region.cube))[0]:
        assert block.seconds > 0


@pytest.mark.long
def test_an_audit_also_judges_what_a_changed_block_keeps(growing, seen, region_of, strip):
    region, world = growing
    before, changed = bytes_of(region), western(region)
    acquire(world, LATER[:1], tiles=["32UQU", "32UQV"])
    seen.windows = [(inside(region, changed), 0.9)]
    report = run(gated(region, audit=1.0), refresh=True)
    assert report.change.audit.audited == report.change.audit.skipped == report.change.asked
    detected, kept = sorted(
        (each for each in read_audits(Cube.open(region.cube))[0] if each.block == changed),
        key=lambda each: each.stratum is not None,
    )
    assert (detected.score, detected.stratum, kept.score, kept.stratum) == (90, None, 0, 0)
    fresh = region_of("fresh", catalog=str(world / "catalog.json"), bbox=strip)
    run(fresh)
    at = region.extent.covered(changed).slices((region.extent.window.y0, region.extent.window.x0))
    old_HW, new_HW = (each["landcover"][0][at] for each in (before, bytes_of(fresh)))
    differing_HW = (old_HW != new_HW) & (old_HW > 0) & (new_HW > 0) & ~taken(region, changed)
    assert kept.changed_km2 + kept.flicker_km2 == pytest.approx(differing_HW.sum() * 1e-4)
    assert differing_HW.any()


@pytest.mark.long
def test_what_was_detected_of_a_block_counts_as_such_where_its_audit_finds_more(growing, seen, monkeypatch):
    region, world = growing
    changed = western(region)
    acquire(world, LATER[:1], tiles=["32UQU", "32UQV"])
    seen.windows = [(inside(region, changed), 0.9)]
    monkeypatch.setattr(screen_audit, "differences", lambda *maps: (1_500, 0))
    report = run(gated(region, audit=1.0), refresh=True)
    assert outcomes(region)[changed] == Outcome.FOUND_BY_AUDIT
    judged = read_audits(Cube.open(region.cube))[0]
    detected, missed = (each for each in judged if each.block == changed)
    assert (detected.score, detected.stratum, missed.score, missed.stratum) == (90, None, 0, 0)
    assert report.change.audit.recall.value == pytest.approx(1 / (1 + report.change.audited))
    assert "in what would have been skipped" in report.change.reasons["found_by_audit"]


@pytest.mark.long
def test_a_new_period_takes_unchanged_blocks_over_and_maps_the_others(growing, seen):
    region, world = growing
    before = bytes_of(region)
    acquire(world, LATER, tiles=["32UQU", "32UQV"])
    changed = western(region)
    seen.windows = [(inside(region, changed), 0.9)]
    later = gated(region.model_copy(update={"period": (date(2024, 8, 1), date(2024, 9, 30))}))
    report = run(later, refresh=True)
    after = bytes_of(region)
    assert after["landcover"].shape[0] == 2
    assert_same(before, {name: after[name][:1] for name in ARRAYS})
    new = {name: after[name][1:] for name in ARRAYS}
    assert report.change.outcomes["changed"] >= 1
    kept = {b for b in region.extent.blocks() if outcomes(region, time=1)[b] == Outcome.SCREENED_OUT}
    assert kept
    assert differing(region, {"mosaic": before["mosaic"]}, {"mosaic": new["mosaic"]}, ["mosaic"]).isdisjoint(kept)
    assert changed in differing(region, before, new)
    assert_maps_are_those_of_the_mosaic(region, 1)
    change, day = change_layer(region)
    assert not change[0].any()
    assert set(np.unique(change[1])) == {0, 90}
    assert ((change > 0) == ~np.isnat(day)).all()
    assert not run(later, refresh=True).done_anything
    assert not run(region, refresh=True).change


@pytest.mark.long
def test_the_command_updates_by_a_saved_change_model_looks_ahead_and_suggests_a_threshold(growing, tmp_path):
    region, world = growing
    acquire(world, LATER[:1], tiles=["32UQU"])
    torch.manual_seed(0)
    bands = ("red", "nir")
    scale = {
        f"{when}_{what}": (value,) * 2
        for when in ("before", "after")
        for what, value in (("mean", 2000.0), ("std", 900.0))
    }
    network = ChangeNetwork(bands=2, channels=(4, 4, 4, 4, 4, 4))
    ChangePipeline(idgbr.change.ChangeSettings(bands=bands, window=64, overlap=16, **scale), network).save_pretrained(
        tmp_path / "change"
    )
    path = region.cube.parent / "region.yaml"
    text = yaml.safe_load(path.read_text())
    path.write_text(
        yaml.safe_dump(
            text | {"change": {"model": str(tmp_path / "change"), "threshold": 1.0, "min_area": 14, "audit": 0.5}}
        )
    )
    ahead = answer("update", path, "--dry-run")
    assert ahead["change"]["asked"] > 0
    assert ahead["change"]["better"] == 0.3
    assert "of those asked about, any of far better views" in " ".join(
        run_here("update", path, "--dry-run").stdout.split()
    )
    done = answer("update", path, "--address", "none")
    assert done["change"]["asked"] == ahead["change"]["asked"]
    assert done["change"]["audited"] > 0
    assert answer("update", path, "--address", "none")["change"] is None
    assert "have seen no change yet" in sentence(run_here("update", path, "--suggest-threshold", "0.9"), 2)
    kept = next(region.cube.glob("runs/*/audit.json"))
    blocks = json.loads(kept.read_text())
    scores = [{"score": 40, "changed_km2": 0.5}, *2 * [{"score": 0, "changed_km2": 0.0}]]
    kept.write_text(json.dumps([block | each for block, each in zip(blocks, scores, strict=True)]))
    suggested = answer("update", path, "--suggest-threshold", "0.9")
    assert (suggested["threshold"], suggested["recall"]["value"], suggested["blocks"]) == (0.4, 1.0, 3)

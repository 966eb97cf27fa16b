"""What a simulated year counts: `ground.py`, `judge.py`, `spending.py` and `report.py`; and that its command starts."""

import json
from dataclasses import replace

import numpy as np
import pytest

from catalogs.simulated import Change, History, World
from pipeline.config.region_file import load
from pipeline.config.sections import ChangeSettings
from pipeline.geometry.grid import Window
from year.__main__ import main
from year.ground import Ground, changed_on, cut, day_number
from year.judge import Event, Versions, asks, cause_of, events, exact_interval, new_changes, shown, without_error
from year.report import recalls
from year.spending import costs, extrapolated, shared

SHAPE = 40, 60
DAYS = "2025-01-10", "2025-01-25", "2025-02-09", "2025-02-24"
ROWS = [{"evening": day, "number": number} for number, day in enumerate(DAYS)]
PIXELS = 25


@pytest.fixture
def truth():
    """Two changes of 100 px, before the second and before the third evening."""
    event_HW = np.zeros(SHAPE, np.uint16)
    event_HW[5:15, 5:15], event_HW[20:30, 40:50] = 1, 2
    events = (("built-up", day_number("2025-01-20")), ("water", day_number("2025-02-05")))
    day_N = np.array([0, *(day for _, day in events)], np.uint16)
    class_HW = np.full(SHAPE, 40, np.uint8)
    return Ground(class_HW, class_HW, event_HW, day_N[event_HW], events, ())


def known(*days):
    return [np.full(SHAPE, day_number(day), np.uint16) for day in days]


def test_a_change_is_caught_on_the_evening_whose_map_was_made_after_it(truth):
    maps = known(DAYS[0], DAYS[0], DAYS[2], DAYS[2])
    first, second = events(truth, ROWS, maps, known(DAYS[3])[0], PIXELS)
    assert (first.kind, first.delay, second.kind, second.delay) == ("built-up", 1, "water", 0)
    assert first.km2 == first.caught_km2 == pytest.approx(0.01)


def test_a_map_of_less_than_half_of_a_change_does_not_catch_it(truth):
    maps = known(DAYS[0], DAYS[0], DAYS[0], DAYS[0])
    maps[3][5:9] = day_number(DAYS[3])
    first, second = events(truth, ROWS, maps, known(DAYS[3])[0], PIXELS)
    assert not first.caught
    assert not second.caught
    assert first.caught_km2 == pytest.approx(0.004)


def test_what_no_clear_view_shows_does_not_count(truth):
    whole_HW = known(DAYS[3])[0]
    whole_HW[20:] = day_number(DAYS[1])
    whole_HW[:13] = day_number(DAYS[0])
    found = events(truth, ROWS, known(*DAYS), whole_HW, PIXELS)
    assert [change.kind for change in found] == []
    whole_HW[:13] = day_number(DAYS[1])
    assert [change.kind for change in events(truth, ROWS, known(*DAYS), whole_HW, PIXELS)] == ["built-up"]


def test_what_changed_before_the_first_map_does_not_count(truth):
    late = [{**row, "evening": day} for row, day in zip(ROWS[:2], DAYS[1:3], strict=True)]
    assert [change.kind for change in events(truth, late, known(*DAYS[1:3]), known(DAYS[3])[0], PIXELS)] == ["water"]


def test_changes_are_laid_on_the_pixels_whose_class_they_change():
    box = "POLYGON ((100 100, 200 100, 200 200, 100 200, 100 100))"
    changes = (Change("flood", "2025-01-12", box, "2025-01-20"), Change("water", "2025-02-01", box))
    world = World(None, 1, (0.0, 0.0, 600.0, 400.0), (0, 0, 1, 1), (), (), History("2025-01-01", changes))
    window = Window(-40, 0, 0, 60)
    changed_HW = np.zeros(SHAPE, bool)
    changed_HW[:25] = True
    event_HW, day_HW = changed_on(world, window, 10.0, changed_HW)
    assert event_HW.sum() == 5 * 12 or event_HW.sum() == 5 * 10
    assert set(np.unique(day_HW)) == {0, day_number("2025-02-01")}
    assert np.array_equal(cut(world, changed_HW, Window(-20, 10, 0, 20)), changed_HW[20:, 10:20])


def test_a_wrong_alarm_is_told_by_most_of_its_pixels(truth):
    seen_HW, wet_HW, class_HW = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool), np.full(SHAPE, 10)
    assert cause_of(seen_HW, wet_HW, class_HW) == "unseen"
    seen_HW[:4] = True
    assert cause_of(seen_HW, wet_HW, class_HW) == "other"
    class_HW[:3] = 40
    assert cause_of(seen_HW, wet_HW, class_HW) == "field"
    wet_HW[:3] = True
    assert cause_of(seen_HW, wet_HW, class_HW) == "flood"


def test_a_change_is_confirmed_by_a_later_view_of_it_and_not_by_one_of_other_ground(truth):
    changed_HW = np.where(truth.event_HW == 1, truth.changed_on_HW, 0)
    first_HW, second_HW, third_HW, last_HW = known(*DAYS)
    elsewhere_HW = second_HW.copy()
    elsewhere_HW[20:] = third_HW[20:]

    def left(days, confirm=1, pixels=PIXELS):
        settings = ChangeSettings(model="any", threshold=1.0, confirm=confirm)
        windows = Window(0, 0, *SHAPE), Window(0, 0, 64, 64)
        return without_error(first_HW, days, changed_HW, settings, pixels, *windows).max()

    assert left([second_HW], confirm=0) == day_number(DAYS[1])
    assert left([second_HW]) == left([second_HW, elsewhere_HW]) == day_number(DAYS[0])
    assert left([second_HW, elsewhere_HW, last_HW]) == day_number(DAYS[3])
    assert left([second_HW, last_HW], pixels=101) == day_number(DAYS[0])


def test_a_flood_counts_while_it_lasts(truth):
    flood_HW = truth.event_HW == 1
    wet = replace(truth, floods=((100, 110, flood_HW),))
    assert wet.flooded(105, 200).sum() == wet.flooded(90, 100).sum() == 100
    assert not wet.flooded(111, 200).any()


def test_the_change_layer_tells_what_an_update_wrote():
    before = np.zeros(4, np.uint8), np.zeros(4, np.uint16)
    after = np.array([0, 90, 90, 0], np.uint8), np.array([0, 9, 9, 0], np.uint16)
    later = np.array([0, 90, 90, 0], np.uint8), np.array([0, 9, 12, 0], np.uint16)
    assert new_changes(before, after).tolist() == [False, True, True, False]
    assert new_changes(after, later).tolist() == [False, False, True, False]


def test_mapping_everything_costs_the_blocks_that_were_due():
    row = {"due": 8, "asked": 8, "went": 1, "unasked": 0, "mapped": 3, "screen_s": 1.0, "map_s": 4.0}
    none = {**row, "everything_s": None, "everything_blocks": None}
    told = costs([none, none, {**row, "everything_s": 24.0, "everything_blocks": 12}])
    assert told["everything_seconds"] == 16 * 2
    assert told["ratio"] == pytest.approx(32 / 10)
    assert told["block_evenings"] == {"due": 16, "asked": 16, "went": 2, "unasked": 0, "mapped": 6}


def test_seconds_of_a_strip_are_those_of_the_blocks_that_went_on_beside_it():
    causes = {(0, 0): "change", (0, 2): "flood"}
    seconds = {(0, 0): 3.0, (0, 1): 2.0, (1, 3): 0.5, (0, 2): 4.0}
    assert shared(seconds, causes) == {"change": 3.0 + 1.0, "flood": 1.0 + 0.5 + 4.0}


def test_an_estimate_leaves_out_what_went_on_for_nothing():
    result = {"everything_seconds": 400.0, "screen_seconds": 20.0}
    told = extrapolated(result, {"change": 10.0, "flood": 90.0}, {"change": 5, "flood": 20}, 500.0)
    assert told["ratio"][0.0] == 20.0
    assert told["ratio"][0.02] == 10.0
    assert told["ten"] == pytest.approx(0.02)
    assert told["here"] == pytest.approx(0.01)
    dear = extrapolated({**result, "screen_seconds": 41.0}, {"change": 10.0}, {"change": 5}, 500.0)
    assert dear["ten"] is None
    assert extrapolated(result, {"flood": 90.0}, {"flood": 20}, 500.0) == {}


def test_recall_counts_changes_and_their_area():
    told = recalls([Event(1, "water", 0.03, 0.03, 0), Event(2, "built-up", 0.01, 0.0, None)])
    assert (told["recall"], told["recall_by_area"], told["missed"]) == (0.5, 0.75, ["built-up, 1.00 ha"])


def test_the_interval_of_a_share_is_exact():
    assert exact_interval(10, 10) == pytest.approx((0.6915, 1.0), abs=1e-4)
    assert exact_interval(0, 10) == pytest.approx((0.0, 0.3085), abs=1e-4)
    assert exact_interval(9, 10) == pytest.approx((0.5550, 0.9975), abs=1e-4)


def test_its_command_tells_its_options(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["year", "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert {"--everything-every", "--confirm", "--floods"} <= set(capsys.readouterr().out.split())


@pytest.mark.long
def test_what_updates_compared_is_what_a_map_of_everything_shows_and_all_seconds_have_a_cause(
    monkeypatch, tmp_path, capsys
):
    options = "--seed 5 --kilometres 7 --passes 6 --per-km2 0.5 --floods 3 --begin 2 --block 256 --max-cloud 60"
    named = ["--folder", str(tmp_path), "--json", str(tmp_path / "year.json")]
    chosen = ["--confirm", "1", "--better", "0", "--everything-every", "9"]
    monkeypatch.setattr("sys.argv", ["year", *options.split(), *chosen, *named])
    main()
    told = json.loads((tmp_path / "year.json").read_text())
    gated, everything = (load(tmp_path / name / "region.yaml") for name in ("gated", "everything"))
    whole_HW = Versions(everything).pixels(told["rows"][-1]["whole"], "last_clear")
    assert np.array_equal(shown(gated, told["rows"], asks(gated, told["rows"])), whole_HW)
    assert told["confirmable"]["changed_km2"] <= told["seen"]["changed_km2"]
    assert sum(told["map_seconds_by_cause"].values()) == pytest.approx(told["map_seconds"], abs=0.5)

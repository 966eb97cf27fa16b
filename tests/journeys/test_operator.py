"""An agency's operator: watches runs, stops them, and decides about what a gate held back."""

import json
import re
import signal
import time

import pytest
from journey import README, STRICT, printed, text_of

pytestmark = pytest.mark.long
RUN = "idgbr run region.yaml --address none"


def asked(person, line, code=0):
    return json.loads(person.type(f"{line} --json", code).stdout)


def test_a_monitor_that_asks_for_the_status_of_a_run_under_way_is_always_answered_with_stage_and_totals(person):
    person.write_region(grid={"crs": "europe", "resolution": 5, "block": 256}, commit_every=1)
    run, seen = person.begin(RUN), []
    while run.poll() is None:
        if (person.folder / "cube/lock.json").exists() and (person.folder / "cube/store/refs").exists():
            seen += asked(person, printed(README, "idgbr status"))["running"].values()
        time.sleep(0.05)
    assert run.wait() == 0, run.communicate()[1]
    assert len(seen) > 3
    known = [at for at in seen if at["of_landcover"] is not None]
    assert {at["of_landcover"] for at in known} == {at["of_mosaic"] for at in known} != set()
    assert {at["stage"] for at in seen} & {"mosaic", "landcover", "aggregate"}
    assert asked(person, "idgbr status cube")["running"] == {}


def test_sigterm_ends_a_run_with_one_sentence_and_143_and_its_mosaics_count_in_the_next_plan(person):
    person.write_region(grid={"crs": "europe", "resolution": 10, "block": 256}, commit_every=1)
    run = person.begin(RUN)
    end = time.monotonic() + 240
    while run.poll() is None and time.monotonic() < end:
        if (person.folder / "cube/store/refs").exists() and len(
            list((person.folder / "cube/store/snapshots").iterdir())
        ) > 4:
            break
        time.sleep(0.05)
    run.send_signal(signal.SIGTERM)
    _, told = run.communicate(timeout=60)
    assert run.returncode == 143
    assert told.splitlines()[-1].startswith("idgbr: stopped by SIGTERM; every block that was committed is kept")
    assert "Traceback" not in told
    plan = asked(person, "idgbr plan region.yaml")
    assert plan["to_mosaic"] < len(plan["stream"])
    assert "nobody works for it; the same run again goes on" in text_of(person.look("idgbr status cube", 120))


def test_a_held_run_is_called_held_can_be_looked_at_and_is_published_for_a_reason(undecided):
    person, told = undecided, (undecided.folder / "held.txt").read_text()
    branch, sentence = re.search(r"run-\w+", told)[0], told.splitlines()[-1]
    run = branch.removeprefix("run-")
    (published,) = asked(person, "idgbr history cube")
    assert sentence.startswith("idgbr: ")
    assert "idgbr publish CUBE" in sentence
    assert asked(person, RUN, code=3)["error"] == sentence.removeprefix("idgbr: ")

    assert f" held run {run} " in text_of(person.look(printed(README, "idgbr status")))
    status = asked(person, "idgbr status cube")
    assert (status["published"], status["running"], list(status["held"])) == (published["version"], {}, [run])

    place = "idgbr query cube --point 12.005,48.49"
    (before,) = asked(person, place)["periods"]
    (after,) = asked(person, f"{place} --version {branch}")["periods"]
    assert before["run"] != after["run"]
    assert asked(person, f"idgbr diff cube newest {branch}")["pixels"]["changed"] > 0
    seen = person.python(f"import pipeline\nprint(pipeline.open_cube('cube', '{branch}').landcover.any().item())")
    assert seen == "True\n"

    done = asked(person, f"idgbr publish cube {branch} --because 'the lake was drained'")
    newest = asked(person, "idgbr history cube")[0]
    assert newest["version"] == done["version"] != published["version"]
    assert newest["because"] == "the lake was drained"


def test_after_the_limit_is_raised_the_heading_says_that_the_held_run_was_published(undecided):
    undecided.write_region(mosaic=STRICT["mosaic"], gates={"max_drift": 1})
    told = undecided.type(RUN).stdout
    assert told.splitlines()[0] == "upper-bavaria: published"
    assert "speed" not in told


def test_a_held_run_is_discarded_and_the_map_of_before_stays(undecided):
    (published,) = asked(undecided, "idgbr history cube")
    (run,) = asked(undecided, "idgbr status cube")["held"]
    undecided.type(f"idgbr discard cube {run}")
    status = asked(undecided, "idgbr status cube")
    assert (status["held"], status["published"]) == ({}, published["version"])


def test_a_second_run_in_the_same_cube_ends_with_75_and_names_who_holds_it(person):
    person.write_region(grid={"crs": "europe", "resolution": 10, "block": 256})
    both = [person.begin(RUN) for _ in range(2)]
    told = {run.returncode: err for run in both for _, err in [run.communicate(timeout=300)]}
    assert set(told) == {0, 75}, told
    assert "is held by run" in told[75], told


def test_a_run_that_did_nothing_says_so_and_has_no_speed_and_expects_nothing_of_what_is_unknown(mapper):
    told = mapper.type(RUN).stdout
    assert told.splitlines()[0] == "upper-bavaria: nothing to do"
    assert "km2/h" not in told
    assert "nothing known" not in told

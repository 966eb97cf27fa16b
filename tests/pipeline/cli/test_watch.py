"""`status --watch`: a line for each change, a screen in place, and its end by the run's end or by Ctrl-C."""

import json
import os
import sys

import pytest
from command import idgbr, run_here
from json_schemas import check_json
from made_versions import mapped, plain, published
from terminal import Terminal

from pipeline.cube import versions
from pipeline.cube.cube import Cube

HIDE_CURSOR, SHOW_CURSOR, CURSOR_UP = "\x1b[?25l", "\x1b[?25h", "\x1b[1A"


@pytest.fixture
def cube(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    published(cube, plain(10), run="a")
    return cube


def test_watch_of_a_cube_without_a_run_shows_what_status_shows(cube):
    shown, watched = (run_here("status", cube.location, *flags) for flags in ((), ("--watch",)))
    assert watched.returncode == 0, watched.stderr
    assert watched.stdout.split() == shown.stdout.split()


def test_watch_gives_programs_a_line_for_each_change_and_ends_with_the_run(cube):
    with cube.lease("b", "bavaria"):
        process = idgbr("status", cube.location, "--watch", "--json")
        first = json.loads(process.stdout.readline())
        branch, _, base = mapped(cube, plain(30), run="b")
        second = json.loads(process.stdout.readline())
        newest = versions.publish(cube, branch, base, versions.Origin("b", "test", 6, 0))
    last = [json.loads(line) for line in process.stdout][-1]
    process.communicate()
    assert process.returncode == 0
    assert first["held_by"].startswith("run b of region bavaria")
    assert second["running"]["b"]["landcover"] == 6
    assert (last["published"], last["held_by"], last["running"]) == (newest, None, {})
    for each in (first, second, last):
        check_json(["status"], each)


def test_the_screen_is_drawn_in_place_and_ctrl_c_ends_it_with_130_and_gives_the_cursor_back(cube):
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
    with cube.lease("b", "bavaria"):
        terminal = Terminal([sys.executable, "-m", "pipeline.cli", "status", cube.location, "--watch"], environment)
        first = terminal.type("", "held by")
        mapped(cube, plain(30), run="b")
        second = terminal.type("", "6 maps")
        code, rest = terminal.end("\x03")
    assert HIDE_CURSOR in first
    assert CURSOR_UP in second
    assert code == 130
    assert SHOW_CURSOR in rest
    assert "idgbr: stopped by Ctrl-C (SIGINT)" in rest
    assert "Traceback" not in rest

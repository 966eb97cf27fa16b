"""Someone with ten minutes: the demonstration, then what it says to try next, in 80 columns and without activation."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from journey import SYSTEM, Person, full_lines, text_of
from messages import REPR
from shared_folder import shared

pytestmark = [pytest.mark.long, pytest.mark.ray]
SMALL = """
import sys
from pipeline import cli
from pipeline.demo import ground, news

ground.KILOMETRES = 3.0  # and not 21, which takes minutes
news.CHANGED_PART = (0.5, 0.5)
cli.process()
"""
ACTS = [("first", "", 80), ("again", "", 120), ("second", "out/demo --second-act", 80)]
"""Name, arguments, and the width of the terminal."""


def make_demo(folder: Path) -> None:
    """What `make demo` does once it is installed, on less ground, twice, and the second act; their screens."""
    folder.mkdir()
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    (folder / "small.py").write_text(SMALL)
    for name, arguments, columns in ACTS:
        lines = Person(folder, SYSTEM).look(f".venv/bin/python small.py demo {arguments}", columns)
        (folder / f"{name}.txt").write_text("\n".join(lines))


@pytest.fixture
def person(tmp_path_factory):
    return Person(shared(tmp_path_factory, "journey-demo", make_demo), SYSTEM)


def screen(person, act):
    return (person.folder / f"{act}.txt").read_text().splitlines()


def commands(person, act):
    return [line for line in screen(person, act) if line.startswith(".venv/bin/idgbr")]


@pytest.mark.parametrize(("act", "columns"), [(name, columns) for name, _, columns in ACTS])
def test_no_line_of_the_demo_is_wider_than_the_terminal(person, act, columns):
    lines = screen(person, act)
    print(*lines, sep="\n")
    assert full_lines(lines, columns) == []
    assert not REPR.search("\n".join(lines))


@pytest.mark.parametrize("act", ["first", "again"])
def test_the_demo_ends_calm(person, act):
    told = text_of(screen(person, act))
    assert "17 about metadata of scenes, by design" in told
    assert "in doubt" not in told


@pytest.mark.parametrize(
    ("act", "verbs"), [("first", ["query", "history", "demo", "demo"]), ("second", ["diff", "query", "history"])]
)
def test_what_it_says_to_try_next_works_as_it_is_printed(person, act, verbs):
    typed = commands(person, act)
    assert [line.split()[1] for line in typed] == verbs
    for line in typed:
        if "demo" not in line.split():
            assert person.type(line).stdout


def test_the_map_opens_in_python_as_it_is_printed(person):
    (line,) = [line for line in screen(person, "first") if line.startswith("in Python: ")]
    (person.folder / "look.py").write_text(f"import pipeline\nprint({line[11:]}.landcover.any().item())\n")
    assert person.type(".venv/bin/python look.py").stdout == "True\n"


def test_new_scenes_arrive_and_what_changed_is_found_and_drawn(person):
    told = text_of(screen(person, "second"))
    assert "new scenes 7" in told
    assert (person.folder / "out/demo/second-act.png").read_bytes().startswith(b"\x89PNG")
    (difference,) = [line for line in commands(person, "second") if " diff " in line]
    assert json.loads(person.type(f"{difference} --json").stdout)["pixels"]["changed"] > 0


def test_the_promise_of_updates_can_be_tried_for_the_catalog_of_the_demo_is_served_again(person):
    refused = person.type(".venv/bin/idgbr update out/demo/region.yaml --address none", code=1)
    assert "does not answer" in refused.stderr
    server = person.begin(commands(person, "first")[-1])
    try:
        told = ""
        while " update " not in told:
            told = server.stdout.readline()
            assert told
        assert "nothing to do" in person.type(f"{told.strip()} --address none").stdout
    finally:
        os.kill(server.pid, signal.SIGINT)
        assert server.wait(60) == 130

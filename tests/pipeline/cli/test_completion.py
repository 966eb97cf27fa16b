"""Completion of verbs, options and paths by the tab key, in an interactive bash of a user who has installed it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import Terminal

pytestmark = [pytest.mark.long, pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The folder of a user after `idgbr --install-completion`, with a cube's folder in it."""
    home = tmp_path_factory.mktemp("home")
    (home / "upper-bavaria").mkdir()
    (home / ".bashrc").write_text("PS1='ready> '\nbind 'set enable-bracketed-paste off'\n")
    environment = os.environ | {"HOME": str(home), "TERM": "dumb"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    subprocess.run(["bash", "-c", "idgbr --install-completion; :"], env=environment, check=True, capture_output=True)
    return home, environment


@pytest.fixture
def terminal(home):
    folder, environment = home
    terminal = Terminal(["bash", "-i"], environment, folder)
    terminal.type("", "ready> ")
    yield terminal
    terminal.end("\x15exit\n")


def test_a_verb_its_cube_and_its_options_are_completed(terminal):
    terminal.type("idgbr hist\t", "idgbr history ")
    terminal.type("upp\t", "upper-bavaria/")
    terminal.type(" --js\t", "--json ")


def test_verbs_of_verbs_are_completed_and_all_are_shown_where_several_fit(terminal):
    terminal.type("idgbr reduce fir\t", "first-last ")
    shown = terminal.type("\x15idgbr re\t\t", "report")
    assert "reduce" in shown

"""The end of the command's process: its exit code, what is still done, and what no longer is."""

import subprocess
import sys
import textwrap

import pytest

from pipeline.cli import ending


def ended(body):
    script = "import atexit, os, sys\nfrom pipeline.cli.ending import end\n" + textwrap.dedent(body)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("lambda: 7", 0, ""),
        ("lambda: sys.exit()", 0, ""),
        ("lambda: sys.exit(75)", 75, ""),
        ("lambda: sys.exit('no')", 1, "no\n"),
    ],
)
def test_its_code_is_that_which_python_gives(monkeypatch, capfd, command, code, told):
    monkeypatch.setattr(ending.atexit, "_run_exitfuncs", lambda: None)
    assert ending.end(eval(command)) == code
    assert capfd.readouterr().err == told


def test_a_fault_of_ours_shows_its_traceback():
    done = ended("os._exit(end(lambda: 1 / 0))")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_what_is_registered_and_printed_is_done_and_the_interpreter_is_not_taken_down():
    """In a pipe output is kept back until it is flushed; a global's __del__ is called as the interpreter goes down."""
    done = ended(
        """
        class Thing:
            def __del__(self, print=print):
                print("taken down", flush=True)

        thing = Thing()
        atexit.register(print, "registered")
        os._exit(end(lambda: print("printed")))
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "printed\nregistered\n", "")

"""A command that is stopped by a signal: one sentence, the exit code of the signal, and no process left."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

SECONDS = 60
SENTENCES = {
    number: f"idgbr: stopped by {name}; every block that was committed is kept, and the same command goes on\n"
    for number, name in ((signal.SIGINT, "Ctrl-C (SIGINT)"), (signal.SIGTERM, "SIGTERM"))
}


def begun(body, grace=30):
    """A process that runs `body` as the command does, once it has printed its first line; and that line."""
    script = "import os, signal, subprocess, sys, time\nfrom pipeline.cli import stop\n"
    script += f"stop.GRACE_SECONDS = {grace}\nwith stop.stoppable(['run', 'region.yaml']):\n"
    script += textwrap.indent(textwrap.dedent(body), "    ")
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    return process, process.stdout.readline().strip()


def assert_stopped(process, number):
    _, told = process.communicate(timeout=SECONDS)
    assert told == SENTENCES[number]
    assert process.returncode == 128 + number


@pytest.mark.parametrize("number", SENTENCES)
def test_it_says_what_is_kept_and_leaves_no_process(number):
    process, child = begun(
        """
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        try:
            print(child.pid, flush=True)
            time.sleep(60)
        finally:
            print("a library is not amused", file=sys.stderr)
        """
    )
    process.send_signal(number)
    assert_stopped(process, number)
    assert not psutil.pid_exists(int(child))


def test_a_second_signal_ends_a_command_that_does_not_end():
    process, _ = begun(
        """
        while True:
            try:
                print("ready", flush=True)
                time.sleep(60)
            except BaseException:
                pass
        """
    )
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert_stopped(process, signal.SIGINT)


def test_a_command_that_does_not_end_in_time_is_ended():
    process, _ = begun(
        """
        try:
            print("ready", flush=True)
            time.sleep(60)
        finally:
            time.sleep(60)
        """,
        grace=0.2,
    )
    process.send_signal(signal.SIGTERM)
    assert_stopped(process, signal.SIGTERM)


@pytest.mark.parametrize("handler", ["lambda number, frame: sys.exit(number)", "lambda number, frame: None"])
def test_a_library_that_puts_its_own_handler_in_place_changes_nothing(handler):
    process, _ = begun(
        f"""
        signal.signal(signal.SIGTERM, {handler})
        print("ready", flush=True)
        time.sleep(60)
        """,
        grace=0.2,
    )
    process.send_signal(signal.SIGTERM)
    assert_stopped(process, signal.SIGTERM)


def test_without_a_signal_it_changes_nothing():
    process, _ = begun("print('ready', flush=True); sys.exit(3)")
    assert process.communicate(timeout=SECONDS) == ("", "")
    assert process.returncode == 3


def test_a_signal_that_was_to_be_ignored_is():
    process, _ = begun(
        """
        print("ready", flush=True)
        os.kill(os.getpid(), signal.SIGINT)
        sys.exit(3)
        """
    )
    process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    ignoring = "import signal, os, sys; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    ignoring += "from pipeline.cli.stop import stoppable\nwith stoppable(['run']):\n"
    ignoring += "    os.kill(os.getpid(), signal.SIGINT); sys.exit(3)"
    assert subprocess.run([sys.executable, "-c", ignoring], check=False).returncode == 3


@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_a_command_is_stopped_while_it_imports_its_modules(tmp_path, seconds):
    """`pipeline.cli.stop` is the first that it imports: the pipe is there as soon as the thread listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "run", str(tmp_path / "none.yaml")], stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and len(psutil.Process(process.pid).threads()) < 2:
        time.sleep(0.005)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=SECONDS)
    assert "Traceback" not in told
    assert process.returncode in ({130} if seconds == 0 else {130, 2}), os.linesep + told


def test_a_library_that_makes_another_error_of_the_signal_does_not_hide_it():
    """As extension modules do, while they are imported."""
    script = """
import sys, time
from pipeline import cli

def imports():
    try:
        print("ready", flush=True)
        time.sleep(60)
    except BaseException:
        raise ImportError("the module is broken")

cli._run, sys.argv = imports, ["idgbr", "run"]
cli.process()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert_stopped(process, signal.SIGTERM)

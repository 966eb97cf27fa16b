"""The command `idgbr`: in this process, or in one of its own where a test kills it or it ends its process itself."""

import json
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from unittest.mock import patch

import pytest
from json_schemas import check_json
from messages import messages

from pipeline import cli


def idgbr(*arguments, **options):
    command = [sys.executable, "-m", "pipeline.cli", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def run_here(*arguments, folder="."):
    """Runs the command in this process, in a folder: its exit code and what it prints. Raises what `main` lets through.

    Not for a Ray that is lost: `main` then ends its process.
    """
    out, told = StringIO(), StringIO()
    line = ["idgbr", *map(str, arguments)]
    with (
        patch.object(sys, "argv", line),
        chdir(folder),
        redirect_stdout(out),
        redirect_stderr(told),
        pytest.raises(SystemExit) as ended,
    ):
        cli.main()
    return subprocess.CompletedProcess(line, ended.value.code or 0, out.getvalue(), told.getvalue())


def answer(*arguments):
    """What a command that ends well prints, as JSON, which its verb's schema describes."""
    done = run_here(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    check_json(arguments, value)
    return value


def sentence(process, code):
    """The one line, after those of its progress, that a command which fails tells. It has ended, or will."""
    ended = isinstance(process, subprocess.CompletedProcess)
    out, told = (process.stdout, process.stderr) if ended else process.communicate(timeout=300)
    assert process.returncode == code, told
    assert out == ""
    (line,) = messages(told)
    assert line.startswith("idgbr: ")
    return line

"""The command `idgbr` in a process of its own."""

import json
import subprocess
import sys


def idgbr(*arguments, **options):
    command = [sys.executable, "-m", "pipeline.cli", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def answer(*arguments):
    """What a command that ends well prints, as JSON."""
    process = idgbr(*arguments, "--json")
    out, told = process.communicate(timeout=300)
    assert process.returncode == 0, told
    return json.loads(out)


def sentence(process, code):
    """The one line that a command which fails tells."""
    out, told = process.communicate(timeout=300)
    assert process.returncode == code, told
    assert out == ""
    (line,) = [line for line in told.splitlines() if line.strip()]
    assert line.startswith("idgbr: ")
    return line

"""What the tests of tests/browser need, and their scripts."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

BROWSER = Path(__file__).parents[1] / "browser"


def needs(**files):
    """Skips a module without Node.js, Chromium, or the packages: a name and its folder."""
    there = {"Node.js": shutil.which("node"), "Chromium": shutil.which("chromium")}
    there |= {name: path.exists() for name, path in files.items()}
    missing = ", ".join(name for name, found in there.items() if not found)
    return pytest.mark.skipif(bool(missing), reason=f"there is no {missing}: see tests/browser/run")


def package(name):
    return BROWSER / "node_modules" / name


def walked(script, *arguments):
    """What a script of tests/browser saw."""
    walk = subprocess.run(["node", script, *arguments], cwd=BROWSER, capture_output=True, text=True, check=False)
    assert walk.returncode == 0, walk.stderr
    return json.loads(walk.stdout)

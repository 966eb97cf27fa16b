"""Four trials of the crash matrix (`make crash`): a driver, a worker, a raylet and a whole node are killed.

The first two are of updates with a change model.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.timeout(1200)
def test_whatever_is_killed_the_same_command_ends_with_the_same_bytes_and_readers_see_whole_versions():
    folders = [str(ROOT / "tests" / folder) for folder in ("benchmarks", "helpers")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(folders)}
    command = [sys.executable, "-m", "crash", "--trials", "4", "--seed", "82"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    print(done.stderr, done.stdout)
    assert done.returncode == 0

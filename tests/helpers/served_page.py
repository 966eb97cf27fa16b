"""A mapped cube and its service, for what looks at the page."""

import re
import subprocess
import sys
from contextlib import contextmanager

from crash.cubes import prepare

from pipeline.config.region_file import load
from pipeline.execution.run import run


def cube_of_two_versions(folder):
    ground = prepare(folder)
    for change in (ground.first, ground.changes[1]):
        ground.write_region(folder / "region.yaml", str(folder / "cube"), change, 4)
        run(load(folder / "region.yaml"))
    return folder / "cube"


@contextmanager
def serving_page(cube):
    """The address of the service of a cube."""
    command = [sys.executable, "-m", "pipeline.cli", "serve", str(cube), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield re.search(r"http://\S+/", process.stderr.readline())[0]
        finally:
            process.terminate()

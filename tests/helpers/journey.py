"""Somebody at a machine that has the package and nothing else of ours, and types what the pages print."""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import screen
import yaml
from docs_folder import DATES, PLACE, write_yaml
from fenced import blocks, shell_lines

from catalogs.simulated import simulate

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SYSTEM = "/usr/bin:/bin"
README = "README.md"


def printed(page: str, start: str) -> str:
    """The first command on a page that begins with `start`, without its comment. StopIteration where none does."""
    found = blocks((ROOT / page).read_text())
    lines = [line for block in found if block.language == "sh" for line in shell_lines(block)]
    return shlex.join(shlex.split(next(line for line in lines if line.startswith(start)), comments=True))


def example(page: str, start: str) -> str:
    """The first block on a page that begins with `start`."""
    return next(block.text for block in blocks((ROOT / page).read_text()) if block.text.startswith(start))


@dataclass(frozen=True)
class Person:
    """Works in `folder`, with a home of their own. path: where the terminal looks for programs; SYSTEM does not have
    the package's, as in a terminal where its environment is not activated."""

    folder: Path
    path: str = f"{BIN}:{SYSTEM}"

    @property
    def environment(self) -> dict[str, str]:
        """That of a new terminal."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if name.startswith(("RAY_", "OMP_"))}
        return kept | {"HOME": str(home), "PATH": self.path, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}

    def type(self, line: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end, with its output in a file."""
        done = subprocess.run(
            shlex.split(line), cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == code, f"{line} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done

    def begin(self, line: str) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(shlex.split(line), cwd=self.folder, env=self.environment, text=True, **pipes)

    def look(self, line: str, columns: int = 80) -> list[str]:
        """Runs a command to its end on a terminal of so many columns: the lines that it leaves on the screen."""
        code, output = screen.run(shlex.split(line), self.environment, self.folder, columns)
        lines = screen.shown(output, columns)
        assert code == 0, "\n".join([f"{line} ended with {code}:", *lines])
        return lines

    def python(self, script: str) -> str:
        (self.folder / "script.py").write_text(script)
        return self.type("python script.py").stdout

    def write_region(self, **keys: object) -> None:
        """The region file of README.md, of simulated ground."""
        content = yaml.safe_load(example(README, "name:")) | PLACE | keys
        write_yaml(self.folder / "region.yaml", {key: value for key, value in content.items() if value is not None})


def at_work(folder: Path) -> Person:
    """A person in a new folder that has the scenes of two days over 3 x 3 km of simulated ground, and a region file."""
    folder.mkdir(parents=True)
    simulate(folder / "ground", seed=11, kilometres=6, dates=DATES[1:])
    person = Person(folder)
    person.write_region()
    return person


def mapped(folder: Path) -> None:
    at_work(folder).type("idgbr run region.yaml --address none")


STRICT: Mapping[str, Any] = {"mosaic": {"method": "best"}, "gates": {"max_drift": 0}}
"""Keys of a region file that ask for another mosaic and allow no drift."""


def held(folder: Path) -> None:
    """A person whose map a gate holds back, beside the one that is published."""
    mapped(folder)
    person = Person(folder)
    person.write_region(**STRICT)
    told = person.type("idgbr run region.yaml --address none", code=3)
    (folder / "held.txt").write_text(told.stderr)


def full_lines(lines: list[str], columns: int) -> list[str]:
    """Lines up to the last column: where a terminal breaks one that is longer than it is wide."""
    return [line for line in lines if len(line) >= columns]


def text_of(lines: list[str]) -> str:
    """The words of a screen, whatever the lines and columns that they stand in."""
    return " ".join(" ".join(lines).split())

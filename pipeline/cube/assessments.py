"""Accuracies of versions that were estimated from samples: `accuracy/VERSION-PERIOD.json`, one for each period."""

from dataclasses import dataclass
from datetime import date

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.estimates import ClassAccuracy, Estimate
from pipeline.cube.versions import Version
from pipeline.storage.json_file import read_json

FOLDER = "accuracy"
IF_DELETED = "'idgbr accuracy' estimates and writes it anew"


@dataclass(frozen=True)
class Assessment:
    """An accuracy that is kept. file: its name in the cube. period: first day. before: first day of the earlier period,
    for change. points: that were labelled. classes: areas in km2."""

    file: str
    period: str
    before: str | None
    points: int
    overall: Estimate
    classes: list[ClassAccuracy]

    def __str__(self) -> str:
        periods = self.period if self.before is None else f"{self.before} to {self.period}"
        at = self.overall
        value, low, high = (100 * part for part in (at.value, at.low, at.high))
        return f"accuracy from {periods} {value:.1f} % ({low:.1f} to {high:.1f})"


def write(cube: Cube, version: str, period: date, before: date | None, text: str) -> str:
    """Keeps the JSON text of an accuracy with a version, in place of one of the same periods; returns its name."""
    periods = str(period) if before is None else f"{before}-{period}"
    name = f"{FOLDER}/{version}-{periods}.json"
    cube.files.write(name, text)
    return name


def of_version(cube: Cube, version: str) -> list[Assessment]:
    """Those of a version, and of the version that it published again. Raises RunError for a damaged file."""
    of = {version, versions.origin_of(cube, version).rolled_back_to}
    return [_read(cube, name) for name in cube.files.list(FOLDER) if _version(name) in of]


def remove(cube: Cube, expired: list[Version], kept: list[Version]) -> None:
    """Deletes those of expired versions, but for what a kept version published again."""
    again = {version.origin.rolled_back_to for version in kept}
    gone = {version.snapshot for version in expired} - again
    for name in cube.files.list(FOLDER):
        if _version(name) in gone:
            cube.files.remove(name)


def _version(name: str) -> str:
    return name.removeprefix(f"{FOLDER}/").partition("-")[0]


def _read(cube: Cube, name: str) -> Assessment:
    content = read_json(cube.files, name, _Content, IF_DELETED)
    return Assessment(
        name,
        content.period,
        content.before,
        content.primary.units,
        content.primary.overall,
        content.primary.classes,
    )


@dataclass(frozen=True)
class _Primary:
    units: int
    overall: Estimate
    classes: list[ClassAccuracy]


@dataclass(frozen=True)
class _Content:
    period: str
    before: str | None
    primary: _Primary

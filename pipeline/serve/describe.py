"""What a server tells of its cube: layers, classes, periods, versions."""

from dataclasses import dataclass
from typing import Any

from pipeline.cube import assessments, versions
from pipeline.cube.assessments import Assessment
from pipeline.serve import colours
from pipeline.serve.maps import Maps
from pipeline.serve.tiles import layers_of


@dataclass(frozen=True)
class ClassRow:
    value: int
    name: str
    color: str
    safe_color: str | None


@dataclass(frozen=True)
class VersionRow:
    """A version: its id, when it was published, what made it, its tags, and whether a rollback withdrew it."""

    id: str
    time: str
    message: str
    tags: list[str]
    withdrawn: bool


@dataclass(frozen=True)
class CubeDescription:
    """A version of the cube, by default the newest.

    bounds: west, south, east, north in degrees; west > east across the antimeridian. resolution: metres. periods: their
    first days, in order; period_bounds: first and last days. bands: of the mosaic. accuracy: estimates from samples.
    """

    name: str
    version: str
    bounds: tuple[float, float, float, float]
    crs: str
    resolution: float
    classes: list[ClassRow]
    layers: list[str]
    bands: list[str]
    periods: list[str]
    period_bounds: list[tuple[str, str]]
    versions: list[VersionRow]
    newest: str
    attribution: str
    accuracy: list[Assessment]


def describe(maps: Maps, name: str | None = None) -> CubeDescription:
    """Raises UserError where there is no such version."""
    shown = maps.map(name)
    history = versions.history(maps.cube)
    this = next((row for row in history if row.snapshot == shown.version), history[0])
    return CubeDescription(
        name=this.origin.name,
        version=shown.version,
        bounds=shown.bounds,
        crs=shown.layout.extent.grid.crs,
        resolution=shown.layout.extent.grid.resolution,
        classes=class_rows(shown.layout.classes),
        layers=layers_of(shown),
        bands=list(shown.layout.bands),
        periods=[str(first) for first, _ in shown.periods],
        period_bounds=[(str(first), str(last)) for first, last in shown.periods],
        versions=[
            VersionRow(
                row.snapshot,
                row.published.isoformat(),
                f"roll back to {row.origin.rolled_back_to}" if row.origin.rolled_back_to else f"run {row.origin.run}",
                list(row.tags),
                row.withdrawn,
            )
            for row in history
        ],
        newest=maps.version(),
        attribution=f"{this.origin.name}, version {shown.version}, mapped by idgbr",
        accuracy=assessments.of_version(maps.cube, shown.version),
    )


def class_rows(classes: tuple[dict[str, Any], ...]) -> list[ClassRow]:
    """The classes of a map with the map's colours and, where there are enough, those for the colour-blind."""
    safe = colours.class_colours(classes, "safe") if len(classes) <= len(colours.SAFE) else {}
    return [ClassRow(row["code"], row["name"], row["color"], safe.get(row["code"])) for row in classes]

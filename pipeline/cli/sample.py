"""The verb that draws a sample of a map to be labelled: sample."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import MOST, AsJson, CubeFolder, Dask, OfVersion, Period, Readers, day
from pipeline.console.output import check_writable, to_json
from pipeline.errors import UserError

app = typer.Typer()


class How(StrEnum):
    equal = "equal"
    proportional = "proportional"
    neyman = "neyman"


@dataclass(frozen=True)
class DrawnStratum:
    """A stratum, and the points drawn of it. probability: that a pixel of the stratum was drawn."""

    name: str
    pixels: int
    points: int
    probability: float


@dataclass(frozen=True)
class Drawn:
    """A sample that was written. before: first day of the earlier period, of a sample of change."""

    version: str
    period: date
    before: date | None
    seed: int
    points: int
    strata: list[DrawnStratum]
    files: list[Path]


@app.command()
def sample(
    cube: CubeFolder,
    out: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="write a GeoPackage or CSV, by the suffix; may be repeated"),
    ] = None,
    ceo: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write a plot file for Collect Earth Online (CSV)")
    ] = None,
    points: Annotated[int | None, typer.Option(min=2, max=MOST, help="points in all")] = None,
    standard_error: Annotated[
        float | None, typer.Option(min=1e-4, max=0.5, help="as many points as give the overall accuracy this error")
    ] = None,
    expected: Annotated[
        list[str] | None,
        typer.Option(metavar="[STRATUM=]U", help="user's accuracy to expect, 0 to 1; default: 0.8; may be repeated"),
    ] = None,
    allocation: Annotated[How, typer.Option(help="how points are divided among strata")] = How.proportional,
    minimum: Annotated[int, typer.Option(min=2, max=MOST, help="points that every stratum gets at least")] = 50,
    from_period: Annotated[
        str | None, typer.Option(metavar="START", help="strata of change since the period from START, not classes")
    ] = None,
    period: Period = None,
    version: OfVersion = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="another seed draws another sample")] = 0,
    workers: Readers = 2,
    dask: Dask = "threads",
    as_json: AsJson = False,
) -> None:
    """Draws a stratified random sample of a map's pixels, to be labelled and given to `idgbr accuracy`.

    Strata are the map's classes, or with `--from-period` change between two periods. Files that exist are not replaced.

    Example: `idgbr sample cube --standard-error 0.01 --out sample.gpkg --ceo plots.csv`
    """
    from pipeline.analysis.sample_design import Wishes, draw_sample
    from pipeline.analysis.sample_files import write_ceo, write_sample
    from pipeline.analysis.strata import StratifiedMap
    from pipeline.analysis.workers import dask_workers
    from pipeline.console.progress import progress_bar
    from pipeline.console.tables import print_table
    from pipeline.cube import versions
    from pipeline.cube.cube import Cube
    from pipeline.cube.periods import newest_period

    if (points is None) == (standard_error is None):
        raise UserError("give either --points or --standard-error, one of them, for the size of the sample")
    user, users = _expected(expected or [])
    files = _check_files(out or [], ceo)
    opened = Cube.open(cube)
    snapshot = versions.resolve(opened, version)
    start = day(period, "--period") or newest_period(opened.group(snapshot=snapshot))
    before = day(from_period, "--from-period")
    if before is not None and before >= start:
        raise UserError(f"--from-period {before} is not before the period from {start}; give an earlier period")
    wishes = Wishes(points, standard_error, Wishes.user if user is None else user, users, allocation.value, minimum)
    of = StratifiedMap(opened, snapshot, start, before)
    with progress_bar("sample") as progress, dask_workers(dask, workers, opened):
        drawn = draw_sample(of, wishes, seed, workers, progress)
    for file in out or []:
        write_sample(drawn, file)
    if ceo is not None:
        write_ceo(drawn, ceo)
    points_S = [drawn.design.points.get(stratum.key, 0) for stratum in drawn.legend]
    strata = [
        DrawnStratum(stratum.name, pixels, n, n / pixels)
        for stratum, pixels, n in zip(drawn.legend, drawn.pixels_S.tolist(), points_S, strict=True)
        if pixels
    ]
    result = Drawn(snapshot, start, before, seed, sum(points_S), strata, files)
    if as_json:
        print(to_json(result))
        return
    rows = [(s.name, f"{s.pixels:,}", f"{s.points:,}", f"{s.probability:.3g}") for s in strata]
    title = f"{result.points:,} points of version {snapshot}, period from {start}"
    print_table(
        title + (f", change since {before}" if before else ""), rows, ("stratum", "pixels", "points", "probability")
    )
    print(f"written: {', '.join(map(str, files))}")
    print(f"to keep what it was drawn from: idgbr tag {cube} NAME {snapshot}")


def _expected(values: list[str]) -> tuple[float | None, dict[str, float]]:
    """The user's accuracy to expect where no other is named, and those of named strata."""
    of: dict[str, float] = {}
    for value in values:
        name, _, number = value.rpartition("=")
        try:
            of[name] = float(number)
        except ValueError:
            of[name] = -1
        if not 0 <= of[name] <= 1:
            raise UserError(f"--expected is {value!r:.80}; give a number from 0 to 1, or a stratum and one: Water=0.95")
    return of.pop("", None), of


def _check_files(out: list[Path], ceo: Path | None) -> list[Path]:
    """Raises UserError unless new files of the right kind can be written."""
    files = [*out, *([] if ceo is None else [ceo])]
    if not files:
        raise UserError("nothing is to be written; give --out sample.gpkg, --out sample.csv or --ceo plots.csv")
    for file in out:
        if file.suffix.lower() not in (".gpkg", ".csv"):
            raise UserError(f"--out is {file}; end the name in .gpkg or .csv")
    for file in files:
        check_writable(file)
        if file.exists() or files.count(file) > 1:
            raise UserError(f"{file} is there already, perhaps with labels; name another file, or move that one")
    return files

"""What several verbs ask for."""

import math
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import streams
from pipeline.errors import UserError

RegionFile = Annotated[Path, typer.Argument(metavar="REGION.yaml", help="the region file")]
CubeFolder = Annotated[str, typer.Argument(metavar="CUBE", help="the cube's folder, or s3://bucket/prefix")]
ModelPlace = Annotated[
    str, typer.Option(metavar="DIR", help="the model's folder, s3://bucket/prefix of one, or a shipped model's name")
]
OwnCode = Annotated[
    str | None,
    typer.Option(
        "--code",
        metavar="nets.py:build",
        help="the code of a model whose coarse network is one's own: a file or package, and its function",
    ),
]
Version = Annotated[str, typer.Argument(help="a version that `history` names, a tag, newest or previous")]
OfVersion = Annotated[str | None, typer.Option(help="a version that `history` names, or a tag; default: the newest")]
Period = Annotated[str | None, typer.Option(metavar="START", help="first day; default: the newest period")]
MOST = 1_000_000
"""Workers, versions or blocks that an option may ask for."""


def finite(value: float | None) -> float | None:
    """Callback of options that take a real number."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


def day(text: str | None, option: str) -> date | None:
    """The value of an option that names the first day of a period. Raises UserError."""
    try:
        return None if text is None else datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise UserError(f"{option} is {text!r:.40}; give the first day of a period, such as 2024-05-01") from None


def numbers(text: str, option: str, what: str, example: str) -> list[float]:
    """The degrees of an option, as many as `what` names. Raises UserError."""
    parts = text.split(",")
    try:
        degrees = [float(part) for part in parts]
        if len(degrees) != len(what.split(",")) or not all(map(math.isfinite, degrees)):
            raise ValueError
    except ValueError:
        raise UserError(f"{option} is {text!r:.80}; give {what} in degrees, such as {example}") from None
    return degrees


def box(text: str) -> tuple[float, float, float, float]:
    """The degrees of --bbox. Raises UserError."""
    west, south, east, north = numbers(text, "--bbox", "W,S,E,N", "12.0,48.4,12.1,48.5")
    return west, south, east, north


def _fail_as_json(wanted: bool) -> bool:
    streams.json_wanted = wanted
    return wanted


AsJson = Annotated[
    bool,
    typer.Option(
        "--json", callback=_fail_as_json, is_eager=True, help='print JSON for programs; {"error": ...} if it fails'
    ),
]
DASK = "threads (of this process), processes (of this machine), or the address of a Dask scheduler (tcp://host:8786)"
Dask = Annotated[str, typer.Option(metavar="ADDRESS", help=f"where blocks are read: {DASK}")]
Readers = Annotated[
    int, typer.Option("--workers", min=1, max=1024, help="threads that read, or with --dask processes so many of these")
]

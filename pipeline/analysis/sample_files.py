"""Files of a sample: GeoPackage, CSV, and the plot file of Collect Earth Online; and reading them back with labels.

A row is a plot, the pixel that was drawn. Its text `design` holds the design that the whole sample follows from.
Collect Earth Online (its reader of plot files, external_file.clj) takes columns LON, LAT and PLOTID, a whole number,
and keeps others; it splits lines at commas, quoted or not. The sample data that it gives back have `plotid`, `lon`,
`lat`, `pl_` before the names of the others, and a column for each question.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np

from catalogs.atomic import atomic_write
from pipeline.analysis.sampling import MOST_SEED, Design, Sample
from pipeline.errors import UserError
from pipeline.geometry.grid import LONLAT
from pipeline.geometry.pixel_area import pixel_centres
from pipeline.geometry.vectors import POINTS, read_vectors

LABEL, ALTERNATE = "label", "alternate"
LAYER = "sample"


@dataclass(frozen=True)
class PlotTable:
    """The rows of a file of a sample, which all have one design.

    plot_N: numbers of plots. lon_N, lat_N: degrees. columns: values as text by the name of their column in lower case,
    "" for none.
    """

    path: Path
    design: Design
    plot_N: np.ndarray
    lon_N: np.ndarray
    lat_N: np.ndarray
    columns: Mapping[str, Sequence[str]]

    def column(self, name: str) -> Sequence[str]:
        """Raises UserError where there is no such column."""
        return _column(self.path, self.columns, name)

    def groups(self, name: str) -> dict[str, np.ndarray]:
        """For each value of a column, which rows have it. Raises UserError where there is no such column."""
        value_N = np.array(self.column(name))
        return {value: value_N == value for value in sorted(set(value_N.tolist()) - {""})}


def design_text(design: Design) -> str:
    """A design in characters that need no quotes in CSV."""
    points = "_".join(f"{key}.{count}" for key, count in design.points.items())
    before = {} if design.before is None else {"before": design.before}
    return urlencode(
        {
            "cube": design.cube,
            "version": design.version,
            "period": design.period,
            **before,
            "seed": design.seed,
            "points": points,
        }
    )


def parse_design(text: str) -> Design:
    """The inverse of `design_text`. Raises ValueError."""
    values = dict(parse_qsl(text, strict_parsing=True))
    try:
        points = [part.rsplit(".", 1) for part in values["points"].split("_")]
        before = values.get("before")
        design = Design(
            cube=values["cube"],
            version=values["version"],
            period=date.fromisoformat(values["period"]),
            before=None if before is None else date.fromisoformat(before),
            seed=int(values["seed"]),
            points={key: int(count) for key, count in points},
        )
    except KeyError as error:
        raise ValueError(f"it lacks {error}") from None
    if not 0 <= design.seed <= MOST_SEED or min(design.points.values()) < 0:
        raise ValueError("a number is out of its range")
    return design


def write_sample(sample: Sample, path: Path) -> None:
    """Writes a GeoPackage or a CSV file, by the suffix, with empty columns for labels.

    Columns plotid, lon, lat, label, alternate, stratum, stratum_pixels, stratum_points, probability (that the pixel was
    drawn) and design.
    """
    rows = _rows(sample)
    if path.suffix.lower() == ".csv":
        _write_csv(path, rows)
        return
    import geopandas

    frame = geopandas.GeoDataFrame(
        rows, geometry=geopandas.points_from_xy([r["lon"] for r in rows], [r["lat"] for r in rows]), crs=LONLAT
    ).astype({LABEL: "string", ALTERNATE: "string"})
    with atomic_write(path) as draft:
        frame.to_file(draft, driver="GPKG", layer=LAYER)


def write_ceo(sample: Sample, path: Path) -> None:
    """Writes a plot file for Collect Earth Online, without the strata: labels should not follow the map."""
    rows = [
        {"LON": row["lon"], "LAT": row["lat"], "PLOTID": row["plotid"], "DESIGN": row["design"]}
        for row in _rows(sample)
    ]
    _write_csv(path, rows)


def _rows(sample: Sample) -> list[dict[str, Any]]:
    lon_N, lat_N = pixel_centres(sample.layout.extent.grid, sample.row_N, sample.col_N)
    points_S = np.bincount(sample.stratum_N, minlength=len(sample.legend))
    design = design_text(sample.design)
    return [
        {
            "plotid": n + 1,
            "lon": round(float(lon), 8),
            "lat": round(float(lat), 8),
            LABEL: None,
            ALTERNATE: None,
            "stratum": sample.legend[s].name,
            "stratum_pixels": int(sample.pixels_S[s]),
            "stratum_points": int(points_S[s]),
            "probability": float(points_S[s] / sample.pixels_S[s]),
            "design": design,
        }
        for n, (lon, lat, s) in enumerate(zip(lon_N, lat_N, sample.stratum_N.tolist(), strict=True))
    ]


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with atomic_write(path) as draft:
        draft.write_text(text.getvalue(), encoding="utf-8", newline="")


def read_plots(path: Path) -> PlotTable:
    """Reads a CSV file, or a vector file of points as `read_vectors` does.

    Raises UserError for what is no file of a sample.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}; give the file of a sample that 'idgbr sample' wrote, with labels")
    columns = _csv_columns(path) if path.suffix.lower() == ".csv" else _vector_columns(path)
    texts = sorted(set(_column(path, columns, "design")))
    if len(texts) != 1:
        raise UserError(f"{path} has rows of {len(texts)} designs; give one sample, as 'idgbr sample' wrote it")
    try:
        design = parse_design(texts[0])
    except ValueError as error:
        raise UserError(
            f"the design {texts[0]!r:.80} in {path} cannot be read ({error}); restore what 'idgbr sample' wrote"
        ) from None
    plot_N, lon_N, lat_N = (_numbers(path, columns, name, name == "plotid") for name in ("plotid", "lon", "lat"))
    return PlotTable(path, design, plot_N.astype(np.int64), lon_N, lat_N, columns)


def _csv_columns(path: Path) -> dict[str, list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = csv.reader(file)
    except (ValueError, csv.Error, OSError) as error:
        raise UserError(f"{path} is no CSV file in UTF-8 ({error!s:.80}); save it as one") from None
    rows = [row for row in rows if any(row)]
    for n, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise UserError(f"row {n} of {path} has {len(row)} values for {len(header)} columns; mend it")
    return {_normal(name): [row[n].strip() for row in rows] for n, name in enumerate(header)}


def _vector_columns(path: Path) -> dict[str, list[str]]:
    frame = read_vectors(path, POINTS)
    if frame.geometry.is_empty.any():
        raise UserError(f"{path} has a plot without a point; give the points that 'idgbr sample' wrote")
    points = frame.geometry.to_crs(LONLAT)
    names = [name for name in frame.columns if name != frame.geometry.name]
    columns = {
        _normal(str(name)): ["" if none else _text(value) for value, none in zip(frame[name], none_N, strict=True)]
        for name, none_N in frame[names].isna().items()
    }
    return columns | {"lon": [repr(x) for x in points.x.tolist()], "lat": [repr(y) for y in points.y.tolist()]}


def _normal(name: str) -> str:
    name = name.strip().lower().removeprefix("pl_")
    return "plotid" if name == "plot_id" else name


def _text(value: Any) -> str:
    """A value as text, whole numbers without a point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _column(path: Path, columns: Mapping[str, Sequence[str]], name: str) -> Sequence[str]:
    if _normal(name) not in columns:
        raise UserError(f"{path} has no column {name!r}; its columns: {', '.join(columns) or 'none'}")
    return columns[_normal(name)]


def _numbers(path: Path, columns: Mapping[str, Sequence[str]], name: str, whole: bool = False) -> np.ndarray:
    values = _column(path, columns, name)
    number_N = np.array([_number(value) for value in values])
    wrong_N = ~(np.abs(number_N) < 2**53) | (whole & (number_N != np.floor(number_N)))
    if wrong_N.any():
        kind = "whole number" if whole else "number"
        raise UserError(
            f"{path} has {values[int(np.argmax(wrong_N))]!r:.40} as {name}; give a {kind}, as 'idgbr sample' wrote it"
        )
    return number_N


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan

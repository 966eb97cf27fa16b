"""Answers about zones as rows and files.

CSV has a row for each zone, period and class; GeoParquet a row for each zone and period, with columns for each class.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.analysis.stats import ZoneChanges, ZoneStats
from pipeline.analysis.zones import Zones
from pipeline.errors import RunError, UserError

SUFFIXES = (".csv", ".parquet")
Row = tuple[Any, ...]


def check_suffix(file: Path) -> None:
    """Raises UserError for a file that `write` does not write."""
    if file.suffix not in SUFFIXES:
        raise UserError(f"{file} ends in {file.suffix!r:.20}; name a file that ends in {' or '.join(SUFFIXES)}")


def title_of(answer: ZoneStats | ZoneChanges) -> str:
    """What was asked, in words."""
    if isinstance(answer, ZoneStats):
        return f"version {answer.version}"
    old, new = (f"version {version}, period from {start}" for version, start in (answer.before, answer.after))
    return f"from {old} to {new}"


def rows_of(answer: ZoneStats | ZoneChanges) -> tuple[tuple[str, ...], list[Row]]:
    """The names of the columns, and the rows."""
    if isinstance(answer, ZoneChanges):
        changed: list[Row] = [(row.zone, row.from_, row.to, row.hectares) for row in answer.changes]
        return ("zone", "from", "to", "hectares"), changed
    columns = ("zone", "period", "code", "class", "hectares", "share", "confidence_percent")
    rows: list[Row] = [
        (row.zone, row.period[0].isoformat(), row.code, row.class_, row.hectares, row.share, row.confidence_percent)
        for row in answer.classes
    ]
    if not _has_intervals(answer):
        return columns, rows
    bounds = [row.area_interval or (None, None) for row in answer.classes]
    return (*columns, "hectares_low", "hectares_high"), [(*row, *each) for row, each in zip(rows, bounds, strict=True)]


def _has_intervals(answer: ZoneStats) -> bool:
    return any(row.area_interval is not None for row in answer.classes)


def write(answer: ZoneStats | ZoneChanges, zones: Zones, file: Path) -> None:
    """Writes a table; the file is whole or not there. Raises RunError where it cannot be written."""
    part = file.with_name(f".{file.name}.part")
    try:
        if file.suffix == ".csv":
            _write_csv(answer, part)
        else:
            wide_frame(answer, zones).to_parquet(part)
        part.replace(file)
    except OSError as error:
        raise RunError(f"{file} cannot be written ({error.strerror or error}); make room or name another") from None
    finally:
        part.unlink(missing_ok=True)


def _write_csv(answer: ZoneStats | ZoneChanges, file: Path) -> None:
    columns, rows = rows_of(answer)
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(columns)
        writer.writerows(rows)


def wide_frame(answer: ZoneStats | ZoneChanges, zones: Zones) -> Any:
    """A GeoDataFrame with the zones as they were read: a row a zone and period, or for changes a row a zone.

    Columns: zone, zone_hectares, period (its first day) and mapped_hectares; then `CLASS_hectares`, `CLASS_share` and,
    where they were asked for, `CLASS_confidence_percent`, `CLASS_hectares_low` and `CLASS_hectares_high`; for changes
    `FROM_to_TO_hectares` of those that there are.
    """
    import geopandas

    count = len(zones.names)
    if isinstance(answer, ZoneChanges):
        return geopandas.GeoDataFrame(
            {**_heads(answer.zones, 1), **_change_columns(answer, zones)},
            geometry=np.asarray(zones.frame.geometry.array),
            crs=zones.frame.crs,
        )
    periods = len(answer.periods)
    heads = _heads(answer.zones, periods)
    heads["period"] = [start for start, _ in answer.periods] * count
    classes = len(answer.classes) // (count * periods)
    columns: dict[str, list[Any]] = {}
    for k in range(classes):
        rows = answer.classes[k::classes]
        columns[f"{rows[0].class_}_hectares"] = [row.hectares for row in rows]
        columns[f"{rows[0].class_}_share"] = [row.share for row in rows]
        if any(row.confidence_percent is not None for row in answer.classes):
            columns[f"{rows[0].class_}_confidence_percent"] = [row.confidence_percent for row in rows]
        if _has_intervals(answer):
            for end, name in enumerate(("low", "high")):
                columns[f"{rows[0].class_}_hectares_{name}"] = [
                    None if row.area_interval is None else row.area_interval[end] for row in rows
                ]
    shapes = np.repeat(np.asarray(zones.frame.geometry.array), periods)
    return geopandas.GeoDataFrame({**heads, **columns}, geometry=shapes, crs=zones.frame.crs)


def _heads(areas: Sequence[Any], periods: int) -> dict[str, list[Any]]:
    return {
        "zone": [area.zone for area in areas for _ in range(periods)],
        "zone_hectares": [area.hectares for area in areas for _ in range(periods)],
        "mapped_hectares": [mapped for area in areas for mapped in area.mapped_hectares],
    }


def _change_columns(answer: ZoneChanges, zones: Zones) -> dict[str, list[float]]:
    kinds = sorted({(row.from_, row.to) for row in answer.changes})
    columns = {kind: [0.0] * len(zones.names) for kind in kinds}
    for row in answer.changes:
        columns[row.from_, row.to][row.index] = row.hectares
    return {f"{a}_to_{b}_hectares": values for (a, b), values in columns.items()}

"""The report of a run as a table for people."""

from dataclasses import asdict
from typing import Any

from pipeline.console.tables import number_of
from pipeline.execution.change_summary import change_summary
from pipeline.execution.report import Report
from pipeline.geometry.grid import BlockId
from pipeline.planning.describe import scenes_since

MAX_SHOWN = 12
"""Maximum number of blocks that one row names."""


def summary(report: Report) -> list[tuple[str, str]]:
    """Rows of (quantity, value)."""
    blocks, took = report.blocks, asdict(report.took)
    rows: list[tuple[str, Any]] = [
        ("version", report.version),
        ("scenes", report.scenes),
        ("scenes since the map", scenes_since(report.news)),
        ("blocks", f"{blocks.new} new, {blocks.changed} changed, {blocks.same} same; mapped {report.done.segment}"),
        *(change_summary(report.change) if report.change else []),
        ("degraded", _list(report.degraded, report.count.degraded)),
        ("never seen clear", number_of(report.count.unseen, "block")),
        ("fewer clear views than asked", _list(report.thin, report.count.thin)),
        ("items left out", f"{report.left_out} (see applied.json of run {report.run})"),
        ("passes", f"{report.passes.found} found of {report.passes.expected} that the orbits let expect"),
        ("region", f"{report.region_km2:,.1f} km2"),
        ("seconds", ", ".join(f"{part} {value:.1f}" for part, value in report.seconds.items())),
        ("worker seconds", ", ".join(f"{_words(step)} {value:.1f}" for step, value in report.work.items()) or "none"),
        *([("cube", f"{report.cube_bytes / 1e6:,.1f} MB")] if report.cube_bytes else []),
    ]
    rows += [
        ("seconds of work" if name == "seconds" else _words(name), f"{took[name]:,.3g}{_against(expected)}")
        for name, expected in asdict(report.expected).items()
        if took[name] is not None and report.done_anything
    ]
    if report.done_anything and (total := report.seconds.get("total")):
        rows.append(("speed", f"{report.region_km2 / total * 3600:,.0f} km2/h"))
    if report.warnings:
        rows.append(("warnings", f"{len(report.warnings)} (see applied.json), the first: {report.warnings[0]}"))
    rows += [("lost scene", f"{scene}: {reason}") for scene, reason in report.lost.items()]
    return [(quantity, str(value)) for quantity, value in rows]


def _words(name: str) -> str:
    return name.replace("_", " ").replace(".", " ")


def _list(blocks: list[BlockId], count: int) -> str:
    more = f" and {count - MAX_SHOWN} more" if count > MAX_SHOWN else ""
    return (", ".join(map(str, blocks[:MAX_SHOWN])) or "none") + more


def _against(expected: float | None) -> str:
    return "" if expected is None else f", expected {expected:,.3g}"


def area_rows(report: Report) -> list[tuple[str, str, str]]:
    """Rows of (class, km2, share of what is mapped); empty where nothing is."""
    mapped = sum(report.areas_km2.values())
    return [(name, f"{km2:,.2f}", f"{km2 / mapped:.1%}") for name, km2 in report.areas_km2.items()] if mapped else []

"""The page of a run: one HTML file that needs no other, made from what the cube keeps of the run and its version."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import zarr

from catalogs.secrets import redact
from pipeline.analysis.areas import class_areas
from pipeline.analysis.block_map import MAX_CELLS, block_map
from pipeline.analysis.colours import RAMP, class_palette, percent_palette
from pipeline.analysis.diff import Difference, compare
from pipeline.analysis.overview import CHANGE_PALETTE, CHANGED, UNCHANGED, changes, map_svg, overview
from pipeline.console import html
from pipeline.console.progress import CONSOLE
from pipeline.cube import assessments, store, versions
from pipeline.cube.cube import Cube
from pipeline.cube.estimates import Estimate
from pipeline.cube.records import BlockRows
from pipeline.cube.schema import DEGRADED, EMPTY, MAPPED, STATES, UNPROCESSED, Layout, period_index
from pipeline.cube.versions import Version
from pipeline.errors import RunError, UserError
from pipeline.execution.report import Report
from pipeline.execution.summary import summary
from pipeline.execution.task import run_folder
from pipeline.geometry.extent import Extent
from pipeline.storage.json_file import read_json

MOST_READ = 64
"""Maximum number of differing blocks that are compared pixel by pixel; of more the coarse maps are compared."""
MOST_LISTED = 200
STATE_COLOURS = {DEGRADED: "#d95f02", UNPROCESSED: "#8a8f98", EMPTY: "#7570b3", MAPPED: "#66a61e"}
"""The worst first."""


@dataclass(frozen=True)
class _Map:
    """One period of a version."""

    group: zarr.Group
    time: int


@dataclass(frozen=True)
class _Run:
    """A run, the version that it published, and its period there and in the version before, if it is there."""

    cube: Cube
    report: Report
    region: dict[str, Any]
    version: Version
    layout: Layout
    after: _Map
    previous: str | None
    before: _Map | None


def run_page(cube: Cube, run: str | None = None) -> tuple[str, str]:
    """The id of a run, by default the newest version's, and its page.

    Reads the coarse level of each map that fits a picture, the records of the blocks, and at most MOST_READ blocks.
    Raises UserError where the cube has no such run with a version, and RunError where its files are damaged.
    """
    found = _find(cube, run)
    report, region, version = found.report, found.region, found.version
    blocks = sum(asdict(report.blocks).values())
    title = f"{report.name}: map of {region['period'][0]} to {region['period'][1]}"
    lead = (
        f"Version {version.snapshot}, published {version.published:%Y-%m-%d %H:%M} UTC by run {report.run}: "
        f"{report.region_km2:,.1f} km2, {report.done.segment:,} of {blocks:,} blocks mapped, "
        f"{report.count.degraded:,} degraded."
    )
    sections = (
        ("Maps", _maps(found)),
        ("Classes", _classes(found)),
        ("Changed against the version before", _changed(found)),
        ("Blocks", _blocks(found)),
        ("Estimate and actual", _costs(report)),
        ("Gates", _gates(found)),
        ("Accuracy", _accuracy(found)),
        ("Run", html.table(summary(report))),
        ("Provenance", _provenance(found)),
    )
    return report.run, html.page(title, lead, sections)


def page_file(run: str) -> str:
    """The file in the cube where a run leaves its page."""
    return f"{run_folder(run)}/report.html"


def write_page(cube: Cube, run: str) -> None:
    """Writes the page of a run that has been published. What fails is told in one sentence, and the run goes on."""
    try:
        _, text = run_page(cube, run)
        cube.files.write(page_file(run), text)
    except Exception as error:  # noqa: BLE001
        reason = " ".join(redact(str(error) or type(error).__name__).split())[:200]
        CONSOLE.print(
            f"idgbr: the map is published, but the page of run {run} was not written ({reason}); "
            f"'idgbr report {cube.location}' writes it",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def _find(cube: Cube, run: str | None) -> _Run:
    history = [v for v in versions.history(cube) if v.origin.rolled_back_to is None]
    wanted = versions.origin_of(cube, versions.resolve(cube)).run if run is None else run
    version = next((v for v in history if v.origin.run == wanted), None)
    name = f"{run_folder(wanted)}/report.json"
    if version is None or not cube.files.exists(name):
        runs = [v.origin.run for v in history if cube.files.exists(f"{run_folder(v.origin.run)}/report.json")]
        raise UserError(
            f"the cube has no version with the report of a run {wanted!s:.100}; name one of "
            f"{', '.join(runs[:5]) or 'a cube that idgbr run has mapped'}"
        )
    report = read_json(cube.files, name, Report, "the run has no page then")
    region = read_json(cube.files, f"{run_folder(wanted)}/region.json", dict[str, Any], "the run has no page then")
    group, start = cube.group(snapshot=version.snapshot), date.fromisoformat(region["period"][0])
    time = period_index(group, start)
    if time is None:
        raise RunError(f"version {version.snapshot} has no period from {start}, which its run {wanted} mapped")
    ancestry = cube.repository.ancestry(snapshot_id=version.snapshot)
    previous = next((s.id for s in ancestry if s.id != version.snapshot and s.metadata.get("published")), None)
    before = None
    if previous is not None:
        old = cube.group(snapshot=previous)
        at = period_index(old, start)
        before = None if at is None else _Map(old, at)
    return _Run(cube, report, region, version, Layout.of(group), _Map(group, time), previous, before)


def _maps(run: _Run) -> str:
    palette = class_palette(run.layout.classes)
    after = overview(run.after.group, run.after.time)
    confidence = overview(run.after.group, run.after.time, "confidence")
    figures = []
    if run.before is not None:
        before = overview(run.before.group, run.before.time)
        figures += [
            html.figure(map_svg(before.value_HW, palette, before.metres, "map before"), f"before: {run.previous}"),
            html.figure(map_svg(after.value_HW, palette, after.metres, "map after"), "after"),
            html.figure(
                map_svg(changes(before, after), CHANGE_PALETTE, after.metres, "what changed"),
                "where the class changed",
                html.legend([("changed", CHANGED), ("same", UNCHANGED)]),
            ),
        ]
    else:
        figures.append(html.figure(map_svg(after.value_HW, palette, after.metres, "map"), "land cover"))
    svg = map_svg(confidence.value_HW, percent_palette(), confidence.metres, "confidence")
    figures.append(html.figure(svg, "confidence", html.legend((f"{percent} %", colour) for percent, colour in RAMP)))
    return (
        f'<div class="maps">{"".join(figures)}</div>'
        + html.class_legend(run.layout.classes)
        + html.paragraph(f"Drawn with pixels of {after.metres:g} m (level {after.level}); no data is left blank.")
    )


def _classes(run: _Run) -> str:
    new = class_areas(run.after.group, run.after.time)
    old = class_areas(run.before.group, run.before.time) if run.before else None
    total = sum(new.values()) or 1.0
    rows: list[Sequence[object]] = []
    for name, km2 in new.items():
        share = f"{km2 / total:.1%}"
        change = () if old is None else (f"{old[name]:,.2f}", f"{km2 - old[name]:+,.2f}")
        rows.append((name, f"{km2:,.2f}", share, *change))
    columns = ("class", "km2", "share of the mapped area", *(() if old is None else ("km2 before", "change, km2")))
    return html.table(rows, columns, numbers=range(1, len(columns)))


def _changed(run: _Run) -> str:
    if run.previous is None:
        return html.paragraph("This is the first version.")
    if run.before is None:
        return html.paragraph(f"The version before, {run.previous}, has no map of this period.")
    start = date.fromisoformat(run.region["period"][0])
    differing, compared = _differing(run)
    if differing <= MOST_READ:
        old, new = (run.before.group, run.before.time), (run.after.group, run.after.time)
        difference = Difference(
            run.previous, run.version.snapshot, start, run.layout, compared, compare(old, new, workers=1)[1]
        )
        rows = [(c.from_, c.to, f"{c.km2:,.4f}") for c in difference.report().changes]
        how = f"{differing:,} of {compared:,} blocks were made from other inputs; their pixels are compared one by one."
    else:
        rows, metres = _coarse_changes(run)
        how = (
            f"{differing:,} of {compared:,} blocks were made from other inputs. Areas are about, from pixels of "
            f"{metres:g} m; 'idgbr diff CUBE {run.previous} {run.version.snapshot}' compares every pixel."
        )
    more = html.paragraph(f"and {len(rows) - html.ROWS:,} more") if len(rows) > html.ROWS else ""
    found = html.table(rows[: html.ROWS], ("from", "to", "km2"), numbers=[2]) + more if rows else ""
    return html.paragraph(how if rows else f"{how} No class changed.") + found


def _differing(run: _Run) -> tuple[int, int]:
    """How many blocks of the region have other fingerprints than before, and how many there are."""
    assert run.before is not None, "only a version with one before it is compared"
    extent = run.layout.extent
    old, new = (BlockRows(store.array(m.group, "blocks/landcover"), m.time) for m in (run.before, run.after))
    differing = compared = 0
    for iy, ix_N in extent.rows():
        y, x0 = extent.slot((iy, 0))
        differing += int((old.row(y)[ix_N + x0] != new.row(y)[ix_N + x0]).sum())
        compared += len(ix_N)
    return differing, compared


def _coarse_changes(run: _Run) -> tuple[list[tuple[str, str, str]], float]:
    """Changes of class at the level of the pictures, the largest first, and the size of its pixels."""
    assert run.before is not None, "only a version with one before it is compared"
    before, after = (overview(m.group, m.time) for m in (run.before, run.after))
    counts = np.bincount((before.value_HW.astype(np.uint16) * 256 + after.value_HW).ravel(), minlength=65536)
    names = {row["code"]: row["name"] for row in run.layout.classes}
    pairs = [(int(pair) // 256, int(pair) % 256, int(counts[pair])) for pair in np.argsort(-counts) if counts[pair]]
    km2 = after.metres**2 / 1e6
    rows = [
        (names.get(old, "no data"), names.get(new, "no data"), f"{pixels * km2:,.2f}")
        for old, new, pixels in pairs
        if old != new
    ]
    return rows, after.metres


def _blocks(run: _Run) -> str:
    rank = {state: worst for worst, state in enumerate(STATE_COLOURS)}
    states = list(STATE_COLOURS)
    value_YX = _states(run.layout.extent, run.after, rank)
    svg = block_map(
        run.layout.extent,
        value_YX,
        lambda value: STATE_COLOURS[states[int(value)]],
        lambda value: STATES[states[int(value)]].replace("_", " "),
        "blocks by state",
    )
    counts = np.bincount(value_YX[np.isfinite(value_YX)].astype(int), minlength=len(states))
    entries = [
        (f"{STATES[state].replace('_', ' ')}: {int(counts[worst]):,}", STATE_COLOURS[state])
        for state, worst in rank.items()
        if counts[worst]
    ]
    report = run.report
    rows = [
        ("degraded", _listed(report.degraded, report.count.degraded)),
        ("fewer clear views than asked", _listed(report.thin, report.count.thin)),
        ("never seen clear", f"{report.count.unseen:,} blocks"),
        *((f"scene lost: {scene}", reason) for scene, reason in list(report.lost.items())[: html.ROWS]),
    ]
    rule = f"; of more than {MAX_CELLS:,} a square shows the worst of several" if counts.sum() > MAX_CELLS else ""
    return (
        f'<div class="maps">{html.figure(svg, f"blocks by state{rule}", html.legend(entries))}'
        f"<div>{html.table(rows)}</div></div>"
    )


def _states(extent: Extent, of: _Map, rank: dict[int, int]) -> np.ndarray:
    """The rank of each block's state by slot, 0 the worst; NaN outside the region."""
    value_YX = np.full(extent.block_range.shape, np.nan, np.float32)
    rank_S = np.array([rank[state] for state in range(len(STATES))])
    rows = BlockRows(store.array(of.group, "blocks/state"), of.time)
    for iy, ix_N in extent.rows():
        y, x0 = extent.slot((iy, 0))
        value_YX[y, ix_N + x0] = rank_S[rows.row(y)[ix_N + x0]]
    return value_YX


def _listed(blocks: Sequence[object], count: int) -> str:
    shown = ", ".join(map(str, blocks[: html.ROWS])) or "none"
    return shown + (f" and {count - html.ROWS:,} more" if count > html.ROWS else "")


def _costs(report: Report) -> str:
    expected, took = asdict(report.expected), asdict(report.took)
    rows = [
        (
            name.replace("_", " "),
            "not known" if expected[name] is None else html.text_of(expected[name]),
            html.text_of(took[name]),
            html.text_of(took[name] / expected[name]) if expected[name] and took[name] is not None else "",
        )
        for name in took
        if took[name] is not None
    ]
    return html.table(rows, ("", "estimate", "actual", "actual / estimate"), numbers=[1, 2, 3])


def _gates(run: _Run) -> str:
    limits = run.region.get("gates", {})
    rows = [
        (
            name.replace("_", " "),
            "nothing to compare with" if value is None else f"{value:.2%}",
            f"{limits[f'max_{name}']:.2%}" if f"max_{name}" in limits else "",
            "passed",
        )
        for name, value in sorted((run.version.origin.gates or {}).items())
    ]
    return html.table(rows, ("gate", "value", "maximum", ""), numbers=[1, 2]) if rows else ""


def _accuracy(run: _Run) -> str:
    parts = []
    for kept in assessments.of_version(run.cube, run.version.snapshot):
        rows = [(of.name, _percent(of.users), _percent(of.producers), of.mapped, of.reference) for of in kept.classes]
        columns = ("class", "user's accuracy, %", "producer's accuracy, %", "points mapped", "points labelled")
        parts.append(html.paragraph(f"{kept}, from {kept.points:,} points") + html.table(rows, columns))
    return "".join(parts)


def _percent(estimate: Estimate | None) -> str:
    if estimate is None:
        return "none"
    return "{:.1f} ({:.1f} to {:.1f})".format(*(100 * part for part in (estimate.value, estimate.low, estimate.high)))


def _provenance(run: _Run) -> str:
    region, files, folder = run.region, run.cube.files, run_folder(run.report.run)
    rows = [
        ("model", f"{region['model']}, digest {run.version.origin.model or 'not recorded'}"),
        ("catalog", redact(str(region["catalog"]))),
        ("collection", region["collection"]),
        (
            "grid",
            f"{region['grid']['crs']}, {region['grid']['resolution']:g} m, blocks of {region['grid']['block']} px",
        ),
        ("cube", str(run.cube.location)),
    ]
    if files.exists(f"{folder}/item.json"):
        software = json.loads(files.read(f"{folder}/item.json"))["properties"].get("processing:software", {})
        rows.append(("software", ", ".join(f"{name} {number}" for name, number in software.items())))
    scenes = ""
    if files.exists(f"{folder}/applied.json"):
        used = json.loads(files.read(f"{folder}/applied.json"))["used"]
        listed = [(scene["id"], scene["datetime"][:10], scene["provider"], scene["baseline"]) for scene in used]
        table = html.table(listed[:MOST_LISTED], ("scene", "day", "provider", "baseline"))
        more = html.paragraph(f"and {len(used) - MOST_LISTED:,} more") if len(used) > MOST_LISTED else ""
        scenes = html.details(f"{len(used):,} scenes", table + more)
    settings = html.details("region file", html.preformatted(redact(json.dumps(region, indent=1))))
    warnings = ""
    if run.report.warnings:
        shown = [(text,) for text in run.report.warnings[: html.ROWS]]
        warnings = html.details(f"{len(run.report.warnings):,} warnings", html.table(shown, ("warning",)))
    return html.table(rows) + warnings + scenes + settings

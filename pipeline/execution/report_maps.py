"""The sections of a run's page that are drawn or counted from its maps."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from pipeline.analysis.areas import class_areas
from pipeline.analysis.block_map import MAX_CELLS, block_map
from pipeline.analysis.colours import RAMP, class_palette, percent_palette
from pipeline.analysis.diff import Difference, compare
from pipeline.analysis.overview import CHANGE_PALETTE, CHANGED, UNCHANGED, changes, map_svg, overview
from pipeline.console import html
from pipeline.cube import store
from pipeline.cube.records import BlockRows
from pipeline.cube.schema import DEGRADED, EMPTY, MAPPED, STATES, UNPROCESSED
from pipeline.execution.reported_run import PeriodMap, ReportedRun
from pipeline.geometry.extent import Extent

MOST_READ = 64
"""Maximum number of differing blocks that are compared pixel by pixel; of more the coarse maps are compared."""
STATE_COLOURS = {DEGRADED: "#d95f02", UNPROCESSED: "#8a8f98", EMPTY: "#7570b3", MAPPED: "#66a61e"}
"""The worst first."""


def maps_section(run: ReportedRun) -> str:
    """Land cover before and after, what changed, and confidence."""
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


def classes_section(run: ReportedRun) -> str:
    """Area of each class, and its change."""
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


def changed_section(run: ReportedRun) -> str:
    """Area from class to class against the version before."""
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


def _differing(run: ReportedRun) -> tuple[int, int]:
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


def _coarse_changes(run: ReportedRun) -> tuple[list[tuple[str, str, str]], float]:
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


def blocks_section(run: ReportedRun) -> str:
    """Blocks by state, and which are short of scenes or views."""
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


def _states(extent: Extent, of: PeriodMap, rank: dict[int, int]) -> np.ndarray:
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

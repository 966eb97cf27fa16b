"""The page of a plan: where scenes and blocks lie, how often each block is seen clear, and what the run would cost."""

from collections.abc import Callable, Sequence

import numpy as np
import shapely

from pipeline.analysis.block_map import MAX_CELLS, block_map, group_side, to_svg
from pipeline.console import html
from pipeline.geometry.footprint import grid_footprint
from pipeline.planning.describe import BlockDescription, PlanDescription, rows_of
from pipeline.planning.plan import Plan

MAX_FOOTPRINTS = 400
"""Maximum number of outlines that are drawn; scenes of one tile mostly share theirs."""
MAX_SCENES = 200
RAMP = ("#7f2704", "#d94801", "#fd8d3c", "#fdd0a2", "#c7e9c0", "#74c476", "#238b45", "#00441b")
"""From the fewest clear views, or the least coverage, to the most."""
VIEW_STOPS = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0)
SHARE_STOPS = (0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.9999)
KINDS = {"new": "#1f78b4", "changed": "#ff7f00", "same": "#b9bcc0"}
"""The kind that shows first in a square of several blocks comes first."""


def plan_page(plan: Plan, description: PlanDescription) -> str:
    """The page; no pixel is read for it, and of many blocks a square shows the worst of several."""
    region = plan.region
    title = f"{region.name}: plan for {region.period[0]} to {region.period[1]}"
    blocks = sum(description.blocks.values())
    lead = (
        f"{description.region_km2:,.1f} km2 in {blocks:,} blocks, {description.to_segment:,} of them to map from "
        f"{len(description.scenes):,} scenes. Nothing is mapped yet."
    )
    sections = (
        ("Maps", _maps(plan, description.stream)),
        ("In numbers", html.table(rows_of(description))),
        ("Scenes", _scenes(plan)),
        ("Warnings", html.table([(text,) for text in description.warnings[: html.ROWS]])),
    )
    return html.page(title, lead, sections)


def _maps(plan: Plan, stream: Sequence[BlockDescription]) -> str:
    outlines, left_out = _footprints(plan)
    more = f"; {left_out:,} more outlines are left out" if left_out else ""
    kinds = list(KINDS)
    side = group_side(len(stream))
    rule = (
        f"Of more than {MAX_CELLS:,} blocks a square of {side} x {side} shows the fewest clear views, the least "
        "coverage, and whether any is due."
    )
    figures = (
        html.figure(
            _drawn(plan, stream, lambda b: b.clear_views, _ramp(VIEW_STOPS), "{:.2f} clear views", outlines),
            f"expected clear views of each block, and the footprints of the scenes{more}",
            _key(VIEW_STOPS, "{:g}"),
        ),
        html.figure(
            _drawn(plan, stream, lambda b: b.covered, _ramp(SHARE_STOPS), "{:.2%} covered"),
            "share of each block that scenes cover",
            _key(SHARE_STOPS, "{:.4g} %", 100),
        ),
        html.figure(
            _drawn(
                plan,
                stream,
                lambda b: kinds.index(b.kind),
                lambda value: KINDS[kinds[int(value)]],
                lambda value: kinds[int(value)],
            ),
            "what is new, changed, and the same as in the newest version",
            html.legend(KINDS.items()),
        ),
    )
    return f'<div class="maps">{"".join(figures)}</div>' + (html.paragraph(rule) if side > 1 else "")


def _drawn(
    plan: Plan,
    stream: Sequence[BlockDescription],
    value: Callable[[BlockDescription], float],
    color: Callable[[float], str],
    label: str | Callable[[float], str],
    above: str = "",
) -> str:
    extent = plan.extent
    value_YX = np.full(extent.block_range.shape, np.nan, np.float32)
    for block in stream:
        value_YX[extent.slot(block.block)] = value(block)
    tell = label.format if isinstance(label, str) else label
    return block_map(extent, value_YX, color, tell, "blocks", above)


def _ramp(stops: Sequence[float]) -> Callable[[float], str]:
    return lambda value: RAMP[int(np.searchsorted(stops, np.float32(value), side="right"))]


def _key(stops: Sequence[float], form: str, factor: float = 1) -> str:
    """The legend of a ramp: below the first stop, and from each stop on."""
    names = [f"under {form.format(stops[0] * factor)}", *(f"from {form.format(stop * factor)}" for stop in stops)]
    return html.legend(zip(names, RAMP, strict=True))


def _footprints(plan: Plan) -> tuple[str, int]:
    """The outlines of the scenes as SVG, each drawn once, and how many outlines beyond MAX_FOOTPRINTS there are."""
    extent = plan.extent
    size = extent.grid.resolution * extent.grid.block
    shapes = {
        shapely.to_wkb(shapely.set_precision(shape, extent.grid.resolution)): shape
        for shape in {scene.footprint: grid_footprint(scene, extent.grid.crs) for scene in plan.scenes}.values()
    }
    frame = shapely.box(*extent.grid.bounds(extent.window))
    frame = frame.buffer(0.02 * max(frame.bounds[2] - frame.bounds[0], frame.bounds[3] - frame.bounds[1]))
    paths = []
    for shape in list(shapes.values())[:MAX_FOOTPRINTS]:
        seen = shapely.simplify(shapely.intersection(shape, frame), size / 200)
        for part in shapely.get_parts(seen):
            if isinstance(part, shapely.Polygon) and not part.is_empty:
                points = to_svg(extent, shapely.get_coordinates(part.exterior))
                paths.append("M" + "L".join(f"{x:.4f} {y:.4f}" for x, y in points.tolist()) + "Z")
    wide = max(extent.window.shape) / extent.grid.block
    svg = "".join(
        f'<path d="{"".join(paths)}" fill="none" stroke="{colour}" stroke-width="{wide / width:.4g}"/>'
        for colour, width in (("#fff", 150), ("#111", 320))
    )
    return svg, max(0, len(shapes) - MAX_FOOTPRINTS)


def _scenes(plan: Plan) -> str:
    rows = [
        (
            scene.id,
            f"{scene.datetime:%Y-%m-%d}",
            "not known" if scene.cloud_cover is None else f"{scene.cloud_cover:.1f}",
            scene.provider,
        )
        for scene in sorted(plan.scenes, key=lambda scene: (scene.datetime, scene.id))
    ]
    more = html.paragraph(f"and {len(rows) - MAX_SCENES:,} more") if len(rows) > MAX_SCENES else ""
    found = html.table(rows[:MAX_SCENES], ("scene", "day", "cloud cover, %", "provider"), numbers=[2]) + more
    return html.details(f"{len(rows):,} scenes", found)

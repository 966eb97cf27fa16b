"""A small region as one HTML file that needs no server and no other file."""

import json
import time as clock
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from catalogs.atomic import atomic_write
from pipeline.console.output import to_json
from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.errors import UserError
from pipeline.export.target import Exported, Progress, resumable, size_of
from pipeline.geometry.project import box_of
from pipeline.serve import colours
from pipeline.serve.areas import areas_of
from pipeline.serve.describe import describe
from pipeline.serve.legend import legend_of
from pipeline.serve.maps import Map, Maps
from pipeline.serve.one_file import asset, in_one_file
from pipeline.serve.region_tiles import Box, in_base64, kept_tiles, part_of, tiles_of
from pipeline.serve.tiles import layers_of, zooms

LAYERS = ("landcover", "coarse", "confidence", "refined", "mosaic")
MOST = 2000
"""Tiles of all layers and periods in one page: about 40 MB where all are mosaics."""
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob:; worker-src blob: data:; style-src 'unsafe-inline'; "
    "img-src data: blob:; connect-src blob:"
)
"""What the page may load (Content-Security-Policy): nothing but what is in it."""


def export_page(
    cube: Cube,
    target: str | Path,
    bbox: Box | None = None,
    names: Sequence[str] | None = None,
    version: str | None = None,
    start: date | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Writes the page of `idgbr serve` with the region's tiles in it.

    bbox: the part of the region that is shown, by default the whole. names: of `LAYERS`, by default all that the map
    has; the classes are always there. start: first day of the one period shown, by default all. Raises UserError for a
    bbox outside the region, a region that needs more than `MOST` tiles, and what `resumable` and `Maps.map` raise.
    """
    begun, maps, file = clock.monotonic(), Maps(cube), Path(target)
    shown = maps.map(version)
    periods = [shown.period(str(start))] if start else [first for first, _ in shown.periods]
    layers, box = _layers(shown, names), part_of(shown.bounds, bbox)
    deepest = zooms(shown, "landcover")[1]
    tiles = list(tiles_of(box, deepest))
    count = len(tiles) * len(layers) * len(periods)
    if count > MOST:
        raise UserError(
            f"the page would hold {count:,} tiles, and a browser opens at most {MOST:,} well; give a smaller --bbox, "
            f"one --period or fewer --array, or look at the map by 'idgbr serve {cube.location}'"
        )
    request = {"cube": str(cube.location), "version": shown.version, "box": box, "layers": layers}
    with resumable(file, cube, {**request, "periods": list(map(str, periods))}, (".html",)) as folder:
        held = kept_tiles(shown, layers, periods, tiles, box, progress)
        about = replace(
            describe(maps, shown.version),
            bounds=box,
            layers=layers,
            periods=list(map(str, periods)),
            period_bounds=[(str(first), str(last)) for first, last in shown.periods if first in periods],
        )
        about = replace(about, versions=[row for row in about.versions if row.id == shown.version])
        origin = versions.origin_of(cube, shown.version)
        area = box_of(box)
        content = {
            "cube": json.loads(to_json(about)),
            "zooms": [tiles[-1].z, deepest],
            "tiles": held,
            "tables": {
                "confidence": in_base64(colours.confidence_table().tobytes()),
                "refined": in_base64(colours.refined_table().tobytes()),
            },
            "legends": {name: json.loads(to_json(legend_of(shown, name))) for name in ("confidence", "refined")},
            "areas": {str(day): areas_of(cube, shown, day, area) for day in periods},
            "runs": origin.runs or {},
            "model": origin.model,
        }
        with atomic_write(folder / file.name) as draft:
            draft.write_text(page_with(content), encoding="utf-8")
    return Exported("html", file, shown.version, periods, layers, *size_of(file), clock.monotonic() - begun)


def page_with(content: dict[str, Any]) -> str:
    """The page of `idgbr serve` with its script, style, worker and a content in it."""
    held = {
        "kept": ("application/json", json.dumps(content, allow_nan=False).replace("<", "\\u003c")),
        "kept-licences": ("text/plain", asset("THIRD_PARTY.txt")),
        "kept-worker": ("text/plain", asset("maplibre-gl-worker.mjs")),
    }
    return in_one_file("page", POLICY, held)


def _layers(shown: Map, names: Sequence[str] | None) -> list[str]:
    there = [name for name in LAYERS if name in layers_of(shown)]
    for name in names or ():
        if name not in there:
            raise UserError(f"a page has no array {name!r:.40}; give some of {', '.join(there)}")
    return there if not names else [name for name in there if name in {"landcover", *names}]

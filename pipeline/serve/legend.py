"""What the colours of a layer mean, as rows and as SVG."""

from collections.abc import Collection
from dataclasses import dataclass
from html import escape

from pipeline.analysis.colours import RAMP
from pipeline.serve.colours import CHANGED, CONFIRMED, class_colours
from pipeline.serve.maps import Map
from pipeline.serve.tiles import RGB, bands_of

ROW, SWATCH, LETTER = 24, 16, 8.5
"""Height of a row, side of its colour and width reckoned for a letter, in pixels."""


@dataclass(frozen=True)
class LegendRow:
    """A colour of a layer: the value shown so (a class code, percent, or code of `refined`) and its meaning."""

    value: int
    label: str
    color: str


@dataclass(frozen=True)
class Legend:
    """kind: "classes", "values", "ramp" (stops between which colours are mixed), or "bands" (no rows)."""

    layer: str
    title: str
    kind: str
    rows: list[LegendRow]


def legend_of(shown: Map, layer: str, palette: str | None = None, hidden: Collection[int] = ()) -> Legend:
    """The legend of a layer of `layers_of`. Raises what `class_colours` raises."""
    if layer == "confidence":
        return Legend(layer, "Confidence", "ramp", [LegendRow(stop, f"{stop} %", color) for stop, color in RAMP])
    if layer == "refined":
        rows = [LegendRow(1, "class confirmed", CONFIRMED), LegendRow(2, "class changed", CHANGED)]
        return Legend(layer, "Refined here", "values", rows)
    if layer in RGB:
        bands = bands_of(shown, layer)
        shown_as = "red, green, blue" if len(bands) == 3 else "grey"
        return Legend(layer, f"{', '.join(bands)} as {shown_as}", "bands", [])
    colour_of = class_colours(shown.layout.classes, palette)
    rows = [
        LegendRow(row["code"], row["name"], colour_of[row["code"]])
        for row in shown.layout.classes
        if row["code"] not in hidden
    ]
    title = {"coarse": "Coarse classes", "difference": "Class where it changed"}.get(layer, "Land cover")
    return Legend(layer, title, "classes", rows)


def legend_svg(legend: Legend) -> str:
    """A legend as an SVG image that stands alone."""
    longest = max(len(text) for text in (legend.title, *(row.label for row in legend.rows)))
    width, height = int(SWATCH + 28 + LETTER * longest), ROW * (len(legend.rows) + 1) + 8
    rows = "".join(
        f'<rect x="8" y="{at * ROW + 4}" width="{SWATCH}" height="{SWATCH}" fill="{escape(row.color)}" '
        f'stroke="#444" stroke-width=".5"/><text x="{SWATCH + 16}" y="{at * ROW + 17}">{escape(row.label)}</text>'
        for at, row in enumerate(legend.rows, start=1)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="system-ui,sans-serif" font-size="14" fill="#111"><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="8" y="18" font-weight="600">{escape(legend.title)}</text>{rows}</svg>'
    )

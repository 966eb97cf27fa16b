"""Labels of the pixels of a grid, from anything that gives each a class; and the classes that it gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from catalogs.items.class_table import MapClass
from pipeline.errors import UserError
from pipeline.geometry.grid import Window
from pipeline.training.area_kinds import MapClassRow

MAX_CODE = 255
PALETTE = (
    *("#1f78b4", "#33a02c", "#e31a1c", "#ff7f00", "#6a3d9a", "#b15928"),
    *("#a6cee3", "#b2df8a", "#fb9a99", "#fdbf6f", "#cab2d6", "#ffff99"),
)
"""Colors of classes for which none is told: Paired, of ColorBrewer 2.0."""

ClassRows = tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class LabelSource:
    """classes: the class table. identity: JSON-able, what the labels depend on. draw: the class codes of a window of
    the grid, uint8 HW, 0 = no label."""

    classes: ClassRows
    identity: Any
    draw: Callable[[Window], np.ndarray]


def eroded(draw: Callable[[Window], np.ndarray], pixels: int) -> Callable[[Window], np.ndarray]:
    """The labels of `draw` without those within `pixels` (Chebyshev) of another label, or of none."""
    if not pixels:
        return draw

    def inner(window: Window) -> np.ndarray:
        label_HW = draw(window.pad(pixels))
        side = 2 * pixels + 1
        same_HW = minimum_filter(label_HW, side) == maximum_filter(label_HW, side)
        return np.where(same_HW, label_HW, 0)[pixels:-pixels, pixels:-pixels]

    return inner


def agreed(draws: Sequence[Callable[[Window], np.ndarray]]) -> Callable[[Window], np.ndarray]:
    """The labels that all of several maps give alike."""

    def common(window: Window) -> np.ndarray:
        label_HW = draws[0](window)
        for draw in draws[1:]:
            label_HW = np.where(draw(window) == label_HW, label_HW, 0)
        return label_HW

    return common


def class_rows(
    named: Sequence[MapClassRow] | None, table: Sequence[MapClass], mapping: Mapping[int, int], where: object
) -> ClassRows:
    """The classes that a recipe names, else those of a map's class table, brought by `mapping` to their codes.

    Raises UserError where a code of the mapping is none of the classes, and where neither tells the classes.
    """
    if named is not None:
        rows = tuple(row.model_dump() for row in named)
        check_mapping(mapping, rows)
        return rows
    if not table:
        raise UserError(f"{where} tells no names of its classes; name 'classes' (code, name, color) in the recipe")
    by_value = {row.value: row for row in table}
    codes = dict(mapping) or {value: value for value in by_value}
    if odd := [value for value in codes.values() if not 1 <= value <= MAX_CODE]:
        raise UserError(
            f"{where} has the class {odd[0]}, but codes are 1 to {MAX_CODE}; name 'mapping' (value: code) in the recipe"
        )
    members: dict[int, list[MapClass]] = {code: [] for code in sorted(codes.values())}
    for value, code in codes.items():
        if value in by_value:
            members[code].append(by_value[value])
    rows = tuple(
        _row(code, [by_value[code]] if code in codes and codes[code] == code and code in by_value else rows, number)
        for number, (code, rows) in enumerate(members.items())
    )
    if len({row["name"] for row in rows}) < max(len(rows), 2):
        raise UserError(f"{where} gives {len(rows)} classes that names tell apart; name 'classes' in the recipe")
    return rows


def check_mapping(mapping: Mapping[Any, int], rows: ClassRows) -> None:
    """Raises UserError where a code of the mapping is none of the classes."""
    codes = [row["code"] for row in rows]
    for value, code in mapping.items():
        if code not in codes:
            raise UserError(
                f"mapping gives {value!r} the code {code}, but the classes are {', '.join(map(str, codes))}; name one "
                "of them, or add the class"
            )


def _row(code: int, members: Sequence[MapClass], number: int) -> dict[str, Any]:
    name = ", ".join(row.name for row in members) or f"class {code}"
    color = next((row.color for row in members if row.color), PALETTE[number % len(PALETTE)])
    return {"code": code, "name": name, "color": color}

"""What happens to a landscape: dated changes of its classes, floods that pass, and crops that rotate."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from catalogs.errors import CatalogError
from catalogs.simulated.canvas import MAX_PATCHES, LandscapeError, patch_transform
from catalogs.simulated.classes import BARE, BUILT, CROP, GRASS, TREE, WATER
from catalogs.simulated.landscape import Landscape
from catalogs.simulated.noise import Bounds, stream

Kind = Literal["built-up", "clear-cut", "water", "flood"]

SHARES: dict[Kind, float] = {"built-up": 0.4, "clear-cut": 0.35, "water": 0.25}
GROUND: dict[Kind, tuple[tuple[int, ...], float]] = {
    "built-up": ((CROP, GRASS, BARE), 0.9),
    "clear-cut": ((TREE,), 0.6),
    "water": ((CROP, GRASS, BARE), 0.8),
    "flood": ((CROP, GRASS, BARE), 0.3),
}
"""Classes of the ground on which a change of a kind is laid, and the least share of them under it."""
SPARED: dict[Kind, tuple[int, ...]] = {
    "built-up": (WATER,),
    "clear-cut": (GRASS, CROP, BUILT, BARE, WATER),
    "water": (BUILT,),
    "flood": (BUILT, TREE, WATER),
}
"""Classes of the ground that a change of a kind leaves as they are within its area."""
APART_METRES = 60.0
TRIES = 60
PLOT_METRES = 45.0
GARDEN_SHARE = 0.15
STREET_METRES = 7.0
FLOOD_DAYS = (6, 24)


class HistoryError(CatalogError):
    """A history that cannot be."""


@dataclass(frozen=True)
class Change:
    """Land that is another class from `day` on, within `area` (WKT, EPSG:3035).

    A flood looks like water until the day `until`, and changes no class.
    """

    kind: Kind
    day: str
    area: str
    until: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in SPARED:
            raise HistoryError(f"a change of kind {self.kind!r} is unknown: choose from {', '.join(SPARED)}.")
        if (self.until is None) == (self.kind == "flood"):
            raise HistoryError(
                f"a {self.kind} of {self.day} has until={self.until!r}: floods end, other changes do not."
            )
        for day in (self.day, self.until or self.day):
            _day(day)

    def in_force(self, day: date) -> bool:
        return _day(self.day) <= day and (self.until is None or day <= _day(self.until))


@dataclass(frozen=True)
class History:
    """Changes of the land, and the day since which it is told: in later calendar years fields bear other crops."""

    since: str
    changes: tuple[Change, ...] = ()

    def __post_init__(self) -> None:
        _day(self.since)


@dataclass(frozen=True)
class Span:
    """A history to be drawn: changes to a square kilometre from `since` to `until`, and floods in all."""

    since: str
    until: str
    per_km2: float = 0.5
    floods: int = 1

    def __post_init__(self) -> None:
        if _day(self.until) < _day(self.since):
            raise HistoryError(f"a history from {self.since} to {self.until} ends before it begins.")


def draw_history(seed: int, land: Landscape, bounds: Bounds, span: Span) -> History:
    """The history of `seed` within `bounds` (EPSG:3035): as many changes as `span` asks for and the land has room for.

    Changes of classes keep 60 m apart and lie on ground that such changes take: built-up and ponds on open land,
    clear-cuts in forest. Floods lie over the water's edge.
    """
    rng = stream(seed, "history")
    west, south, east, north = bounds
    kinds = list(SHARES)
    share_K = np.array(list(SHARES.values()))
    wanted: list[Kind] = [kinds[k] for k in rng.choice(len(kinds), _count(bounds, span.per_km2), p=share_K)]
    wanted += ["flood"] * span.floods
    since, length = _day(span.since), (_day(span.until) - _day(span.since)).days
    taken: list[BaseGeometry] = []
    changes: list[Change] = []
    for kind in wanted:
        for _ in range(TRIES):
            shape = affinity.translate(_outline(rng, kind), *rng.uniform((west, south), (east, north)))
            if _suits(land, bounds, kind, shape) and (
                kind == "flood" or all(shape.distance(other) > APART_METRES for other in taken)
            ):
                break
        else:
            continue
        day = since + timedelta(days=int(rng.integers(length + 1)))
        until = None
        if kind == "flood":
            until = (day + timedelta(days=int(rng.integers(*FLOOD_DAYS)))).isoformat()
        else:
            taken.append(shape)
        changes.append(Change(kind, day.isoformat(), shapely.to_wkt(shape, rounding_precision=1), until))
    return History(span.since, tuple(sorted(changes, key=lambda change: (change.day, change.area))))


def land_on(seed: int, land: Landscape, history: History | None, day: date, floods: bool = True) -> Landscape:
    """The landscape as it is on a day. Its later patches are those of the whole history, whatever the day.

    Without `floods` it is the ground under them, whose classes are the truth of that day.
    """
    if history is None:
        return land
    patch_YX = land.patch_YX.copy()
    code_P = land.class_of_patch
    for number, change in enumerate(history.changes):
        shapes, code_N = _parts(stream(seed, "change", number), change)
        first = len(code_P)
        code_P = np.concatenate([code_P, code_N])
        if change.in_force(day) and (floods or change.kind != "flood"):
            _paint(patch_YX, land.bounds, shapes, first, ~np.isin(code_P, SPARED[change.kind]))
    if len(code_P) > MAX_PATCHES:
        raise LandscapeError(f"land and history hold more than {MAX_PATCHES} patches: give smaller bounds.")
    later = len(code_P) - len(land.class_of_patch)
    return replace(
        land, patch_YX=patch_YX, class_of_patch=code_P, later=later, season=day.year - _day(history.since).year
    )


def _outline(rng: np.random.Generator, kind: Kind) -> BaseGeometry:
    """A shape about the origin."""
    if kind in ("water", "flood"):
        reach = rng.uniform(50, 150) if kind == "water" else rng.uniform(250, 600)
        turn_N = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        radius_N = np.full(48, reach)
        for wave in (2, 3, 5):
            radius_N += reach * rng.normal(0, 0.35 / wave) * np.cos(wave * turn_N + rng.uniform(0, 2 * np.pi))
        radius_N = np.maximum(radius_N, reach / 4)
        return shapely.Polygon(np.stack([radius_N * np.cos(turn_N), radius_N * np.sin(turn_N)], axis=1))
    wide, tall = rng.uniform((90, 70), (340, 230))
    return affinity.rotate(shapely.box(-wide / 2, -tall / 2, wide / 2, tall / 2), rng.uniform(0, 180))


def _suits(land: Landscape, bounds: Bounds, kind: Kind, shape: BaseGeometry) -> bool:
    codes, least = GROUND[kind]
    if not (shapely.box(*bounds).contains(shape) or kind == "flood"):
        return False
    window = _window(land.patch_YX.shape, land.bounds, shape)
    patch_YX = land.patch_YX[window]
    inside_YX = _burn([shape], land.bounds, window, patch_YX.shape, [1]) > 0
    under = land.class_of_patch[patch_YX[inside_YX]]
    if not under.size or np.isin(under, codes).mean() < least:
        return False
    return kind != "flood" or bool((under == WATER).mean() > 0.02)


def _parts(rng: np.random.Generator, change: Change) -> tuple[list[BaseGeometry], NDArray[np.uint8]]:
    """The polygons of a change in painting order, and the class of each."""
    shape = shapely.from_wkt(change.area)
    if change.kind != "built-up":
        return [shape], np.array([BARE if change.kind == "clear-cut" else WATER], np.uint8)
    ring = shapely.minimum_rotated_rectangle(shape)
    (x0, y0), (x1, y1) = shapely.get_coordinates(ring)[:2]
    angle = float(np.degrees(np.arctan2(y1 - y0, x1 - x0)))
    upright = affinity.rotate(shape, -angle, origin=(x0, y0))
    west, south, east, north = upright.bounds
    plots = [
        affinity.rotate(
            shapely.box(x, y, x + PLOT_METRES - STREET_METRES, y + PLOT_METRES - STREET_METRES).intersection(upright),
            angle,
            origin=(x0, y0),
        )
        for x in np.arange(west, east, PLOT_METRES)
        for y in np.arange(south, north, PLOT_METRES)
    ]
    plots = [plot for plot in plots if plot.area > 0]
    code_N = np.where(rng.random(len(plots)) < GARDEN_SHARE, GRASS, BUILT)
    return [shape, *plots], np.concatenate([[BUILT], code_N]).astype(np.uint8)


def _paint(
    patch_YX: NDArray[np.uint16],
    bounds: Bounds,
    shapes: Sequence[BaseGeometry],
    first: int,
    takes_P: NDArray[np.bool_],
) -> None:
    """Paint shapes as the patches from `first` on, where the present patch is one that `takes_P` says."""
    window = _window(patch_YX.shape, bounds, shapes[0])
    part_YX = patch_YX[window]
    burnt_YX = _burn(shapes, bounds, window, part_YX.shape, range(1, len(shapes) + 1))
    np.copyto(part_YX, (burnt_YX + (first - 1)).astype(np.uint16), where=(burnt_YX > 0) & takes_P[part_YX])


def _burn(
    shapes: Sequence[BaseGeometry],
    bounds: Bounds,
    window: tuple[slice, slice],
    shape: tuple[int, ...],
    values: Sequence[int],
) -> NDArray[np.int32]:
    if 0 in shape:
        return np.zeros(shape, np.int32)
    transform = patch_transform(bounds)
    transform = transform @ transform.translation(window[1].start, window[0].start)
    return rasterize(zip(shapes, values, strict=True), out_shape=shape, transform=transform, dtype="int32")


def _window(shape: tuple[int, ...], bounds: Bounds, area: BaseGeometry) -> tuple[slice, slice]:
    transform = patch_transform(bounds)
    west, south, east, north = area.bounds
    rows = (bounds[3] - north) / transform.a, (bounds[3] - south) / transform.a
    columns = (west - bounds[0]) / transform.a, (east - bounds[0]) / transform.a
    (top, bottom), (left, right) = (
        (int(np.clip(np.floor(low), 0, size)), int(np.clip(np.ceil(high), 0, size)))
        for (low, high), size in zip((rows, columns), shape, strict=True)
    )
    return slice(top, bottom), slice(left, right)


def _count(bounds: Bounds, per_km2: float) -> int:
    west, south, east, north = bounds
    return max(1, round(per_km2 * (east - west) * (north - south) / 1e6))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise HistoryError(f"day {text!r} is not a date: write it as 2024-05-13.") from error

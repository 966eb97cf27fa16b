"""Parts of a search, small enough to request again: cells of the area times calendar months."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from catalogs.query import Query

CELL_DEGREES = (6, 8)
"""Of longitude and latitude: the zones of UTM and the bands of MGRS, which start at -180 and -80."""

TALLEST_DEGREES = 2
"""Upper bound of a scene's height: a Landsat scene is 185 km (1.7 degrees) high, a Sentinel-2 tile 110 km."""

SEAM = 0.001
"""Half the width, in degrees, of the search area at the prime meridian."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of a query: `area` in longitude and latitude, the period with both ends included."""

    area: BaseGeometry
    start: datetime
    end: datetime


def slices(query: Query) -> list[Slice]:
    """The parts of a query, month by month. Together they cover the query; a scene may be in several.

    The time after the current month is one part. An area at the antimeridian is also searched at the prime meridian: a
    server that treats degrees as a plane finds footprints there that cross the antimeridian uncut.
    """
    geometry = query.geometry
    parts = [*_cells(geometry), *_seams(geometry)]
    return [Slice(part, start, end) for start, end in _months(query) for part in parts]


def _cells(geometry: BaseGeometry) -> Iterator[BaseGeometry]:
    width, height = CELL_DEGREES
    west, south, east, north = geometry.bounds
    for y in range(int((south + 80) // height), int(np.ceil((north + 80) / height))):
        for x in range(int((west + 180) // width), int(np.ceil((east + 180) / width))):
            cell = shapely.box(x * width - 180, y * height - 80, (x + 1) * width - 180, (y + 1) * height - 80)
            parts = shapely.get_parts(shapely.intersection(geometry, cell))
            polygons = [part for part in parts if part.area > 0]
            if polygons:
                yield shapely.union_all(polygons)


def _seams(geometry: BaseGeometry) -> Iterator[BaseGeometry]:
    width, _ = CELL_DEGREES
    near = shapely.difference(geometry, shapely.box(width - 180, -90, 180 - width, 90))
    if near.area > 0:
        _, south, _, north = near.bounds
        yield shapely.box(-SEAM, max(south - TALLEST_DEGREES, -90), SEAM, min(north + TALLEST_DEGREES, 90))


def _months(query: Query) -> Iterator[tuple[datetime, datetime]]:
    start, end, now = query.start.astimezone(UTC), query.end.astimezone(UTC), datetime.now(UTC)
    while start <= min(end, now):
        following = start.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=31)
        following = following.replace(day=1)
        if not query.months or start.month in query.months:
            yield start, min(end, following - timedelta(microseconds=1))
        start = following
    if start <= end:
        yield start, end

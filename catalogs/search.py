"""From a query to the scenes it means."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import shapely

from catalogs import api, fields, scenelist, static
from catalogs.errors import CatalogError
from catalogs.scene import Scene, read_scene
from catalogs.select import select

ROLES = ("blue", "green", "red", "nir")

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Query:
    """Which scenes are wanted; CatalogError when it makes no sense.

    `catalog` is the URL of a STAC API or the path of a static catalog. `bbox` is west, south, east, north in degrees.
    `start` and `end` carry a time zone and both belong to the period. `max_cloud` is in percent.
    """

    catalog: str
    collection: str
    bbox: tuple[float, float, float, float]
    start: datetime
    end: datetime
    max_cloud: float = 100.0

    def __post_init__(self) -> None:
        if len(self.bbox) != 4 or not all(math.isfinite(degree) for degree in self.bbox):
            raise CatalogError(f"bbox is {self.bbox}, but it must be four finite numbers: west, south, east, north")
        west, south, east, north = self.bbox
        if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90):
            raise CatalogError(f"bbox is {self.bbox}, but longitudes lie within +-180 and south < north within +-90")
        if west >= east:
            raise CatalogError(
                f"bbox has west {west} and east {east}, but west must be less; "
                "a region across the antimeridian must be given as two"
            )
        for name, time in (("start", self.start), ("end", self.end)):
            if time.tzinfo is None:
                raise CatalogError(f"{name} is {time.isoformat()}, but it needs a time zone, for instance +00:00")
        if self.start > self.end:
            raise CatalogError(f"start {self.start.isoformat()} is after end {self.end.isoformat()}")
        if not 0 <= self.max_cloud <= 100:
            raise CatalogError(f"max_cloud is {self.max_cloud}, but it must lie within 0 and 100 percent")


def search(query: Query, roles: Sequence[str] = ROLES, progress: Progress | None = None) -> list[Scene]:
    """The scenes of a query, one per acquisition, in the total order (datetime, id)."""
    return scenes(search_items(query, progress), roles, query.max_cloud)


def scenes(items: Iterable[Mapping[str, Any]], roles: Sequence[str] = ROLES, max_cloud: float = 100.0) -> list[Scene]:
    """The scenes of raw STAC items: read right for each provider, one per acquisition, ordered by (datetime, id)."""
    return select([read_scene(item, roles) for item in items], max_cloud)


def search_items(query: Query, progress: Progress | None = None) -> list[dict[str, Any]]:
    """The raw STAC items in the query's area and period, unique and ordered by id; empty when there are none.

    What a server answers is checked again here. `progress` is told how many were found so far. CatalogError when the
    catalog cannot be reached or is none.
    """
    remote = urlsplit(query.catalog).scheme in ("http", "https")
    if remote:
        items = api.ask(query.catalog, query.collection, query.bbox, query.start, query.end)
    else:
        items = static.walk(query.catalog, query.collection)
    found: list[dict[str, Any]] = []
    for item in items:
        if _wanted(item, query):
            found.append(item)
            if progress is not None:
                progress(len(found))
    return scenelist.merge([], found)


def _wanted(item: Mapping[str, Any], query: Query) -> bool:
    return (
        item.get("collection") == query.collection
        and query.start <= fields.moment(item, "datetime") <= query.end
        and bool(shapely.intersects(fields.footprint(item), shapely.box(*query.bbox)))
    )

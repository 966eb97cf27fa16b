"""What is looked for in a catalog."""

from dataclasses import dataclass
from datetime import datetime

from shapely.geometry.base import BaseGeometry

from catalogs.area import Bounds, geometry_of
from catalogs.errors import CatalogError


@dataclass(frozen=True, slots=True)
class Query:
    """Which scenes are wanted; CatalogError when it makes no sense.

    `catalog` is the URL of a STAC API or of a static catalog, or the path of a static catalog or of a list of items
    (.parquet, .ndjson, .jsonl, .geojsonl). `area` is west, south, east, north in degrees, with west > east across the
    antimeridian, or a Polygon or MultiPolygon in longitude and latitude. `start` and `end` carry a time zone and both
    belong to the period. `max_cloud` is in percent. `months` are the months of the year (1 to 12, in UTC) that are
    wanted, all if empty.
    """

    catalog: str
    collection: str
    area: Bounds | BaseGeometry
    start: datetime
    end: datetime
    max_cloud: float = 100.0
    months: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        geometry_of(self.area)
        for name, time in (("start", self.start), ("end", self.end)):
            if time.tzinfo is None:
                raise CatalogError(f"{name} is {time.isoformat()}, but it needs a time zone, for instance +00:00")
        if self.start > self.end:
            raise CatalogError(f"start {self.start.isoformat()} is after end {self.end.isoformat()}")
        if not 0 <= self.max_cloud <= 100:
            raise CatalogError(f"max_cloud is {self.max_cloud}, but it must lie within 0 and 100 percent")
        for month in self.months:
            if month not in range(1, 13):
                raise CatalogError(f"months has {month!r}, but a month is a whole number from 1 to 12")

    @property
    def geometry(self) -> BaseGeometry:
        """The area as a Polygon or MultiPolygon within +-180 degrees."""
        return geometry_of(self.area)

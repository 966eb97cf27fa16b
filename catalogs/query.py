"""A query to a catalog."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from shapely.geometry.base import BaseGeometry

from catalogs.area import Bounds, as_polygon
from catalogs.comparison import Comparison
from catalogs.errors import CatalogError
from catalogs.secrets import conceal_secrets_of


@dataclass(frozen=True, slots=True)
class Query:
    """Which scenes to search for; CatalogError for values that cannot be searched.

    `catalog`: the URL of a STAC API or of a static catalog, or the path of a static catalog or of a list of items
    (.parquet, .ndjson, .jsonl, .geojsonl). `area`: west, south, east, north in degrees, with west > east across the
    antimeridian, or a Polygon or MultiPolygon in longitude and latitude. `start` and `end`: with a time zone, both
    inclusive. `max_cloud`: percent. `months`: months of the year (1 to 12, UTC); all if empty. `where`: what the
    properties of each item must be. `assets`: keys of assets that are read besides those of the shipped rows.
    """

    catalog: str
    collection: str
    area: Bounds | BaseGeometry
    start: datetime
    end: datetime
    max_cloud: float = 100.0
    months: tuple[int, ...] = ()
    where: tuple[Comparison, ...] = ()
    assets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_address(self.catalog)
        conceal_secrets_of(self.catalog)
        as_polygon(self.area)
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
        return as_polygon(self.area)


def _check_address(catalog: str) -> None:
    """Raises CatalogError unless it is a URL or a path; the message never shows what may be a password."""
    shown = repr(catalog.rpartition("@")[2][:80])
    try:
        parts = urlsplit(catalog)
        valid = parts.port != 0 and (parts.scheme not in ("http", "https") or bool(parts.hostname))
    except ValueError:
        valid = False
    if not valid or not catalog.isprintable():
        raise CatalogError(f"catalog {shown} is not an address: give a URL such as https://example.org/v1, or a path")
    if "@" in parts.netloc:
        raise CatalogError(
            f"catalog at {shown} has a user name or password in its URL, which lists and messages would show: give "
            "the URL without it"
        )
    if not parts.netloc:
        try:
            Path(catalog).stat()
        except FileNotFoundError:
            return
        except OSError as error:
            raise CatalogError(f"catalog {shown} cannot be read: {error.strerror}; give another path") from None

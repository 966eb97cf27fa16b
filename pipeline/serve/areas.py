"""The area of each class within a polygon."""

from datetime import date
from typing import Any

from shapely.geometry.base import BaseGeometry

from pipeline.analysis.stats import stats
from pipeline.analysis.zones import zones_on
from pipeline.cube.cube import Cube
from pipeline.geometry.grid import LONLAT
from pipeline.serve.maps import Map


def areas_of(cube: Cube, shown: Map, day: date, area: BaseGeometry) -> dict[str, Any]:
    """Square kilometres mapped within a polygon (degrees) in the period that starts on a day, and of each class."""
    from geopandas import GeoDataFrame

    zones = zones_on(GeoDataFrame(geometry=[area], crs=LONLAT), ["area"], shown.layout.extent)
    found = stats(cube, zones, shown.version, [day], workers=1)
    classes = [
        {"value": row.code, "name": row.class_, "km2": row.hectares / 100, "share": row.share}
        for row in found.classes
        if row.code
    ]
    (zone,) = found.zones
    return {"version": shown.version, "period": str(day), "km2": zone.mapped_hectares[0] / 100, "classes": classes}

"""Queries of the tests, and what all items searched one by one give for them."""

from datetime import UTC, datetime

import numpy as np
import shapely

import catalogs

YEAR = (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 12, 31, tzinfo=UTC))
FIJI = (179.3, -17.0, -179.2, -16.9)


def asked(server, area, period, months=(), max_cloud=100, collection="sentinel-2-l2a"):
    return catalogs.Query(server.url, collection, area, *period, max_cloud=max_cloud, months=months)


def unwrapped(item):
    """An item's footprint with longitudes from 0 to 360, as one piece about the antimeridian."""
    shape = shapely.geometry.shape(item["geometry"])
    west, _, east, _ = shape.bounds
    if east - west > 180:
        shape = shapely.transform(shape, lambda xy: [[x % 360 if x != 180 else 180, y] for x, y in xy])
    return shapely.make_valid(shape)


def brute_force(items, area, period, months=(), max_cloud=100, collection="sentinel-2-l2a"):
    if isinstance(area, tuple):
        west, south, east, north = area
        area = shapely.box(west, south, east + 360 if west > east else east, north)
    copies = [shapely.transform(area, lambda xy, shift=shift: xy + np.array([shift, 0])) for shift in (-360, 0, 360)]
    wanted = shapely.union_all(copies)
    found = set()
    for item in items:
        properties = item["properties"]
        if item["collection"] != collection or properties.get("datetime") is None:
            continue
        time, cloud = datetime.fromisoformat(properties["datetime"]), properties.get("eo:cloud_cover")
        timely = period[0] <= time <= period[1] and (not months or time.astimezone(UTC).month in months)
        if timely and (cloud is None or cloud <= max_cloud) and shapely.intersects(wanted, unwrapped(item)):
            found.add(item["id"])
    return sorted(found)

"""Queries for made items of August 2023."""

from datetime import UTC, datetime

from catalogs import Query

AUGUST = {"start": datetime(2023, 8, 1, tzinfo=UTC), "end": datetime(2023, 8, 31, tzinfo=UTC)}
AROUND = (15.2, 46.2, 15.4, 46.4)


def query(catalog, **changes):
    return Query(**{"catalog": str(catalog), "collection": "sentinel-2-l2a", "area": AROUND, **AUGUST, **changes})


def ids(items):
    return [item["id"] for item in items]

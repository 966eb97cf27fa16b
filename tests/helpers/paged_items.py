"""Twenty items of a summer, seven or six a month, and a query for all of them."""

from datetime import UTC, datetime

from made_items import made_item

from catalogs import Query

SUMMER = (datetime(2023, 6, 1, tzinfo=UTC), datetime(2023, 8, 31, tzinfo=UTC))
ITEMS = [made_item(f"item-{n:02}", datetime=f"2023-0{6 + n % 3}-{1 + n:02}T10:00:00Z") for n in range(20)]
IDS = [item["id"] for item in ITEMS]


def query(url, months=()):
    return Query(url, "sentinel-2-l2a", (15.2, 46.2, 15.4, 46.4), *SUMMER, months=months)


def ids(found):
    return [item["id"] for item in found.items]

"""The items of a catalog's answers that match a query."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import shapely

from catalogs import scenelist
from catalogs.errors import CatalogError
from catalogs.items import fields
from catalogs.query import Query

Progress = Callable[[int], None]


class MatchingItems:
    """Collects the items that match a query, each id once. `refusals`: by id, why an item cannot be used.

    `progress` is called with the number of items so far. maps: items are maps of whole periods, of which one matches
    that meets the query's, not scenes of a moment.
    """

    def __init__(self, query: Query, progress: Progress | None, maps: bool = False) -> None:
        self._period_of = fields.period if maps else _moment
        self.refusals: dict[str, str] = {}
        self._query, self._progress = query, progress
        self._area = query.geometry
        shapely.prepare(self._area)
        self._items: dict[str, dict[str, Any]] = {}

    def add(self, items: Iterable[Any]) -> None:
        """Of two items with one id the later `updated` is kept."""
        for item in items:
            try:
                if not self._matches(item):
                    continue
            except CatalogError as error:
                self.refuse(_name(item), str(error))
                continue
            previous = self._items.get(item["id"])
            (self._items[item["id"]],) = scenelist.merge([previous] if previous else [], [item])
            self.refusals.pop(item["id"], None)
            if self._progress is not None:
                self._progress(len(self._items))

    def refuse(self, name: str, reason: str) -> None:
        """Records why the item with this id, or at this address, cannot be used, unless it could be in another form."""
        if name not in self._items:
            self.refusals[name] = reason

    def items(self) -> list[dict[str, Any]]:
        """Ordered by id."""
        return [self._items[name] for name in sorted(self._items)]

    def _matches(self, item: Any) -> bool:
        query = self._query
        if not isinstance(item, Mapping):
            raise CatalogError(f"an item is {fields.brief(item)}, but it must be an object")
        if item.get("collection") != query.collection:
            return False
        fields.identity(item)
        time, last = self._period_of(item)
        if time > query.end or last < query.start or (query.months and time.month not in query.months):
            return False
        if not shapely.intersects(self._area, fields.footprint(item)):
            return False
        fields.timestamp(item, "updated", "created", "datetime", "start_datetime")
        fields.check_depth(item)
        cloud = fields.cloud_cover(item)
        return (cloud is None or cloud <= query.max_cloud) and all(comparison.holds(item) for comparison in query.where)


def _moment(item: Mapping[str, Any]) -> tuple[datetime, datetime]:
    time = fields.acquired(item)
    return time, time


def _name(item: Any) -> str:
    try:
        return fields.identity(item)
    except CatalogError:
        return fields.brief(item.get("id") if isinstance(item, Mapping) else item)

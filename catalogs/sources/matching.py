"""What of a catalog's answers a query means."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import shapely

from catalogs import scenelist
from catalogs.errors import CatalogError
from catalogs.items import fields
from catalogs.query import Query
from catalogs.sources import api

Progress = Callable[[int], None]


class Sieve:
    """Keeps the items that a query means, once each; `refused` says by id why an item cannot be used."""

    def __init__(self, query: Query, progress: Progress | None) -> None:
        self.refused: dict[str, str] = {}
        self._query, self._progress = query, progress
        self._area = query.geometry
        shapely.prepare(self._area)
        self._kept: dict[str, dict[str, Any]] = {}

    def take(self, items: Iterable[dict[str, Any]]) -> None:
        for item in items:
            try:
                if not self._wants(item):
                    continue
            except CatalogError as error:
                self.refused[str(item.get("id"))] = str(error)
                continue
            known = self._kept.get(item["id"])
            (self._kept[item["id"]],) = scenelist.merge([known] if known else [], [item])
            if self._progress is not None:
                self._progress(len(self._kept))

    def items(self) -> list[dict[str, Any]]:
        """The items kept, ordered by id."""
        return [self._kept[name] for name in sorted(self._kept)]

    def _wants(self, item: Mapping[str, Any]) -> bool:
        query = self._query
        if item.get("collection") != query.collection:
            return False
        fields.identity(item)
        time = fields.moment(item, "datetime")
        if not query.start <= time <= query.end or (query.months and time.month not in query.months):
            return False
        if not shapely.intersects(self._area, fields.footprint(item)):
            return False
        fields.moment(item, "updated", "created", "datetime")
        if urlsplit(query.catalog).scheme in ("http", "https"):
            api.refuse_local_files(query.catalog, item)
        cloud = fields.cloud_cover(item)
        return cloud is None or cloud <= query.max_cloud

"""The first items of a collection, without an area or a period."""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from catalogs.errors import NoItems
from catalogs.sources import api, fetch, item_list, static_folder, static_http


def first_items(catalog: str, collection: str, count: int = 10) -> list[dict[str, Any]]:
    """At most `count` items, with assets and properties, of a STAC API, a static catalog or a list of items. Raises
    CatalogError and CatalogUnavailable, NoItems where there is none."""
    items = _first(catalog, collection, count)
    usable = [item for item in items if isinstance(item, dict) and _has_objects(item)]
    if not usable:
        raise NoItems(f"{catalog} gives no items of {collection!r:.80}; check the collection's id in the catalog")
    return usable


def _has_objects(item: Mapping[str, Any]) -> bool:
    return all(isinstance(item.get(name), dict) for name in ("assets", "properties"))


def _first(catalog: str, collection: str, count: int) -> list[Any]:
    if urlsplit(catalog).scheme not in ("http", "https"):
        if Path(catalog).suffix in item_list.SUFFIXES:
            return list(islice(item_list.items(catalog, collection), count))
        return list(islice(static_folder.items(catalog, collection, lambda *_: None), count))
    with fetch.new_session() as session:
        stac_api = api.read_landing_page(catalog, fetch.fetch_json(session, catalog))
        if stac_api is None:
            return list(islice(static_http.items(session, catalog, collection, lambda *_: None), count))
        body = {"collections": [collection], "limit": count}
        request: api.Request = {"method": "POST", "url": stac_api.search, "body": body}
        page = api.fetch_page(session, request if stac_api.method == "POST" else api.by_other_method(request))
        features = [each for each in page.features if isinstance(each, dict) and each.get("collection") == collection]
        return [api.resolve_hrefs(catalog, item) for item in features[:count]]

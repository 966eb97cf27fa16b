"""Requests and pages of a STAC API (STAC API 1.0, Item Search)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import shapely

from catalogs import area
from catalogs.errors import CatalogError, CatalogUnavailable
from catalogs.items import fields
from catalogs.sources.fetch import LOOPBACK, fetch_json, resolve_on_host
from catalogs.sources.page_store import Page
from catalogs.sources.slices import Slice

if TYPE_CHECKING:
    from requests import Session

DEFAULT_LIMIT = 100
"""Items per page: some servers cannot send much more than 6 MB in one response, and an item may have 50 kB."""
MAX_LIMIT = 250

Request = dict[str, Any]
"""`method`, `url` and `body`, in the form in which pages on disk keep it."""


@dataclass(frozen=True, slots=True)
class Api:
    """The URL of a STAC API's item search, and whether the API declares the filter (CQL2 JSON) and sort extensions."""

    search: str
    filters: bool
    sorts: bool


def read_landing_page(url: str, root: Any) -> Api | None:
    """The API whose landing page at `url` is `root`; None for a static catalog, else CatalogUnavailable."""
    if not isinstance(root, Mapping) or not isinstance(root.get("type"), str):
        raise CatalogUnavailable(f"{url} is neither a STAC API nor a static catalog: check the address")
    search = next((link for link in _links(url, root) if link.get("rel") == "search"), None)
    if search is None:
        return None
    declared = root.get("conformsTo")
    classes = [name for name in declared if isinstance(name, str)] if isinstance(declared, list) else []
    filters = any(re.search(r"stacspec\.org/v1\.[^/]+/item-search#filter$", name) for name in classes)
    cql2 = any(name.endswith(("/cql2-json", "#cql2-json")) for name in classes)
    sorts = any(re.search(r"stacspec\.org/v1\.[^/]+/item-search#sort$", name) for name in classes)
    return Api(resolve_on_host(url, str(search.get("href"))), filters and cql2, sorts)


def first_request(api: Api, collection: str, part: Slice, max_cloud: float, limit: int) -> Request:
    """The request for the first page of a slice.

    Where the API sorts, items come in a total order, so that pages neither overlap nor leave gaps. Where it filters,
    items cloudier than `max_cloud` percent are left out; items without a cloud value are not.
    """
    body: dict[str, Any] = {
        "collections": [collection],
        "datetime": f"{_rfc3339(part.start)}/{_rfc3339(part.end)}",
        "limit": limit,
    }
    if area.is_box(part.area):
        body["bbox"] = list(part.area.bounds)
    else:
        body["intersects"] = shapely.geometry.mapping(part.area)
    if api.sorts:
        body["sortby"] = [{"field": field, "direction": "asc"} for field in ("properties.datetime", "id")]
    if api.filters and max_cloud < 100:
        cloud = {"property": "eo:cloud_cover"}
        below, unknown = {"op": "<=", "args": [cloud, max_cloud]}, {"op": "isNull", "args": [cloud]}
        body |= {"filter": {"op": "or", "args": [below, unknown]}, "filter-lang": "cql2-json"}
    return {"method": "POST", "url": api.search, "body": body}


def fetch_page(session: "Session", request: Request) -> Page:
    """One page. Raises ClientError if the server rejects the request, CatalogUnavailable if it gives no page."""
    url = request["url"]
    response = fetch_json(session, url, request["method"], request["body"])
    features = response.get("features") if isinstance(response, Mapping) else None
    if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
        raise CatalogUnavailable(f"{url} cannot be searched: its response has no list of items")
    link = next((link for link in _links(url, response) if link.get("rel") == "next"), None)
    following = _next_request(request, link) if link and features else None
    return Page(features, following, _matched(response))


def refuse_local_files(url: str, item: Mapping[str, Any]) -> None:
    """CatalogError if an item from another machine refers to files of this one."""
    if urlsplit(url).hostname in LOOPBACK:
        return
    for key, asset in fields.assets(item).items():
        if urlsplit(str(asset.get("href"))).scheme in ("", "file"):
            raise CatalogError(
                f"item {fields.identity(item)} of {url} has href {asset.get('href')!r} for asset {key}, "
                "but a catalog on another machine must not name files of this one"
            )


def _next_request(request: Request, link: Mapping[str, Any]) -> Request:
    url, method = resolve_on_host(request["url"], str(link.get("href"))), link.get("method", "GET")
    body = link.get("body")
    if method not in ("GET", "POST") or not isinstance(body, dict | None):
        raise CatalogUnavailable(f"{url} cannot be searched: its link to the next page has method {method!r:.20}")
    if method == "GET":
        return {"method": "GET", "url": url, "body": None}
    base = request["body"] if link.get("merge") else None
    return {"method": "POST", "url": url, "body": {**(base or {}), **(body or {})}}


def _matched(response: Mapping[str, Any]) -> int | None:
    context = response.get("context")
    counts = (response.get("numberMatched"), context.get("matched") if isinstance(context, Mapping) else None)
    return next((count for count in counts if isinstance(count, int) and not isinstance(count, bool)), None)


def _links(url: str, document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    links = document.get("links", [])
    if not isinstance(links, list) or not all(isinstance(link, Mapping) for link in links):
        raise CatalogUnavailable(f"{url} is not STAC: its links must be a list of objects")
    return links


def _rfc3339(time: datetime) -> str:
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")

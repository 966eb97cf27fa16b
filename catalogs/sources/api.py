"""Requests and pages of a STAC API (STAC API 1.0, Item Search).

Not by pystac-client: 0.9.1, measured on loopback, follows redirects and next links to other hosts with the request's
own headers, makes a redirected POST a GET without its body, ends at an empty page and never in a circle of pages, tries
neither a 503 again nor a 405 by GET, and took 585 MiB for an answer of 0.3 MB in gzip. With a transport and paging of
our own below it, only the spelling of parameters would be left to it, of which CQL2 text needs a further package.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import shapely

from catalogs import area
from catalogs.errors import CatalogError, CatalogUnavailable
from catalogs.hosts import LOOPBACK
from catalogs.items import fields
from catalogs.query import Query
from catalogs.sources import hrefs
from catalogs.sources.fetch import fetch_json, resolve_on_host
from catalogs.sources.filters import cql2_text, parameters
from catalogs.sources.hrefs import absolute_url
from catalogs.sources.page_store import Page
from catalogs.sources.slices import Slice
from catalogs.sources.unread import without_unread

if TYPE_CHECKING:
    from requests import Session

DEFAULT_LIMIT = 100
"""Items per page: some servers cannot send much more than 6 MB in one response, and an item may have 50 kB."""
MAX_LIMIT = 250

FILTERS = {"filter", "query"}

Request = dict[str, Any]
"""`method`, `url` and `body`, in the form in which pages on disk keep it."""


@dataclass(frozen=True, slots=True)
class Api:
    """The URL of a STAC API's item search, its method, and what the API declares: languages of `filters`, and the sort
    and fields extensions."""

    search: str
    method: str
    languages: tuple[str, ...] = ()
    sorts: bool = False
    selects: bool = False


def read_landing_page(url: str, root: Any) -> Api | None:
    """The API whose landing page at `url` is `root`; None for a static catalog, else CatalogUnavailable.

    The method is POST if a search link says so, or if none names a method: servers from before `method` was a part of
    links had both. GET /search is required of every API, POST is recommended (STAC API 1.0, Item Search).
    """
    if not isinstance(root, Mapping) or not isinstance(root.get("type"), str):
        raise CatalogUnavailable(f"{url} is neither a STAC API nor a static catalog: check the address")
    searches = [link for link in _links(url, root) if link.get("rel") == "search" and _is_json(link)]
    if not searches:
        return None
    methods = [method for link in searches if (method := _method(link))]
    method = "GET" if "GET" in methods and "POST" not in methods else "POST"
    link = next((link for link in searches if _method(link) == method), searches[0])
    declared = root.get("conformsTo")
    classes = [name for name in declared if isinstance(name, str)] if isinstance(declared, list) else []
    sorts, selects = _declares(classes, "sort"), _declares(classes, "fields")
    return Api(_target(_home(url, root), link), method, _languages(classes), sorts, selects)


def _declares(classes: Iterable[str], extension: str) -> bool:
    return any(re.search(rf"stacspec\.org/v1\.[^/]+/item-search#{extension}$", name) for name in classes)


def _languages(classes: Collection[str]) -> tuple[str, ...]:
    """Each a language of `filters`."""
    cql2 = ("cql2-json", "cql2-text") if _declares(classes, "filter") else ()
    known = [name for name in cql2 if any(each.endswith((f"/{name}", f"#{name}")) for each in classes)]
    return (*known, *(("query",) if _declares(classes, "query") else ()))


def first_requests(api: Api, query: Query, part: Slice, limit: int) -> list[Request]:
    """Requests for the first page of a slice, to be made in turn until the server takes one.

    The area, then its box (large polygons are refused as 413 or 414, and not every server takes polygons), then the box
    by the other method. Where the API sorts, items come in a total order, so that pages neither overlap nor leave gaps.
    Where it filters and selects fields, it is asked for what `filters.parameters` and `without_unread` say; should it
    refuse that, for the same with all fields, and then without a filter.
    """
    body: dict[str, Any] = {
        "collections": [query.collection],
        "datetime": f"{_rfc3339(part.start)}/{_rfc3339(part.end)}",
        "limit": limit,
    }
    if api.sorts:
        body["sortby"] = [{"field": field, "direction": "asc"} for field in ("properties.datetime", "id")]
    box: dict[str, Any] = {"bbox": list(part.area.bounds)}
    exact: dict[str, Any] = {"intersects": shapely.geometry.mapping(part.area)}
    areas = [("GET", box), ("POST", box)] if api.method == "GET" else [("POST", box), ("GET", box)]
    if api.method == "POST" and not area.is_box(part.area):
        areas.insert(0, ("POST", exact))
    requests: list[Request] = []
    for selects, languages in ((api.selects, api.languages), (False, api.languages), (False, ())):
        parts = without_unread(query.assets) if selects else {}
        for method, shape in areas:
            asked = parameters(method, languages, query.where, query.max_cloud)
            request = _request(api.search, method, body | shape | asked | parts)
            if request not in requests:
                requests.append(request)
    return requests


def extensions(request: Request) -> set[str]:
    """The parameters of a request that a server may refuse although it declares them."""
    names = request["body"] or dict(parse_qsl(urlsplit(request["url"]).query))
    return {*FILTERS, "fields"} & names.keys()


def by_other_method(request: Request) -> Request:
    """A request by GET as POST, and one by POST as GET; CatalogUnavailable for a filter that text cannot say."""
    if request["method"] == "POST":
        return _request(request["url"], "GET", request["body"])
    parts = urlsplit(request["url"])
    body = {name: _from_query(name, value) for name, value in parse_qsl(parts.query)}
    return {"method": "POST", "url": parts._replace(query="").geturl(), "body": body}


def _request(url: str, method: str, body: Mapping[str, Any]) -> Request:
    if method == "POST":
        return {"method": "POST", "url": url, "body": dict(body)}
    if body.get("filter-lang") == "cql2-json":
        try:
            body = {**body, "filter": cql2_text(body["filter"]), "filter-lang": "cql2-text"}
        except CatalogError as error:
            raise CatalogUnavailable(f"{url} takes no POST, but {error}: try another catalog") from None
    parts = urlsplit(url)
    query = [(name, _to_query(name, value)) for name, value in body.items()]
    text = urlencode([*parse_qsl(parts.query), *query], safe=",/:")
    return {"method": "GET", "url": parts._replace(query=text).geturl(), "body": None}


def fetch_page(session: "Session", request: Request) -> Page:
    """One page. Raises ClientError if the server rejects the request, CatalogUnavailable if it gives no page."""
    url = request["url"]
    response = fetch_json(session, url, request["method"], request["body"])
    features = response.get("features") if isinstance(response, Mapping) else None
    if not isinstance(features, list):
        raise CatalogUnavailable(f"{url} cannot be searched: its response has no list of items")
    link = next((link for link in _links(url, response) if link.get("rel") == "next"), None)
    return Page(features, _next_request(request, link) if link else None, _matched(response))


def resolve_hrefs(url: str, item: Any) -> Any:
    """An item of the API at `url` with hrefs that count from its self link (STAC API 1.0, Features) made absolute.

    Hrefs of files are withheld if the item comes from another machine.
    """
    if not isinstance(item, dict):
        return item
    links = item.get("links")
    found = [link for link in links if isinstance(link, Mapping)] if isinstance(links, list) else []
    home = next((link.get("href") for link in found if link.get("rel") == "self"), None)
    home = home if isinstance(home, str) and home.startswith(("http://", "https://")) else None
    local = urlsplit(url).hostname in LOOPBACK

    def resolve(href: str) -> str:
        target = href if home is None or (local and href.startswith("/")) else absolute_url(home, href) or href
        return refuse_local_file(url, target)

    return hrefs.resolve_hrefs(item, resolve)


def refuse_local_file(url: str, href: str) -> str:
    """The href; CatalogError if it is that of a file and comes from another machine."""
    try:
        scheme = urlsplit(href).scheme
    except ValueError:
        return href
    if scheme in ("", "file") and urlsplit(url).hostname not in LOOPBACK:
        raise CatalogError(f"is {fields.brief(href)}, but a catalog on another machine must not name files of this one")
    return href


def _next_request(request: Request, link: Mapping[str, Any]) -> Request:
    url, body = _target(request["url"], link), link.get("body")
    method = _method(link) or ("GET" if body is None else "POST")
    if method not in ("GET", "POST") or not isinstance(body, dict | None):
        raise CatalogUnavailable(f"{url} cannot be searched: its link to the next page has method {method!r:.20}")
    if method == "GET":
        return {"method": "GET", "url": url, "body": None}
    base = request["body"] if link.get("merge") or body is None else None
    return {"method": "POST", "url": url, "body": {**(base or {}), **(body or {})}}


def _home(url: str, root: Mapping[str, Any]) -> str:
    """What relative links of a landing page count from: its self link, if that is on the same host."""
    own = next((link.get("href") for link in _links(url, root) if link.get("rel") == "self"), None)
    if isinstance(own, str):
        with suppress(CatalogUnavailable):
            return resolve_on_host(url, own)
    return url


def _target(url: str, link: Mapping[str, Any]) -> str:
    href = link.get("href")
    if not isinstance(href, str) or not href:
        raise CatalogUnavailable(f"{url} is not STAC: one of its links has href {fields.brief(href)}")
    return resolve_on_host(url, href)


def _method(link: Mapping[str, Any]) -> str:
    method = link.get("method")
    return "" if method is None else str(method).upper()


def _is_json(link: Mapping[str, Any]) -> bool:
    """Search links may also lead to pages for people and to OpenSearch descriptions."""
    return "json" in str(link.get("type") or "json")


def _to_query(name: str, value: Any) -> str:
    """The text of a value in a query: lists by commas, sort fields as +name or -name, other objects as JSON."""
    if name == "sortby":
        return ",".join(f"{'-' if each.get('direction') == 'desc' else '+'}{each['field']}" for each in value)
    if name == "fields":
        return ",".join((*value.get("include", ()), *(f"-{field}" for field in value.get("exclude", ()))))
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)


def _from_query(name: str, text: str) -> Any:
    """The value of a text in a query."""
    if name in ("collections", "ids"):
        return text.split(",")
    if name == "fields":
        parts = text.split(",")
        exclude = [part[1:] for part in parts if part.startswith("-")]
        return {"include": [part for part in parts if not part.startswith("-")], "exclude": exclude}
    if name == "sortby":
        names = [(field.lstrip("+-"), "desc" if field.startswith("-") else "asc") for field in text.split(",")]
        return [{"field": field, "direction": direction} for field, direction in names]
    with suppress(ValueError):
        parsed = ("bbox", "limit", "intersects", "query")
        return json.loads(f"[{text}]" if name == "bbox" else text) if name in parsed else text
    return text


def _matched(response: Mapping[str, Any]) -> int | None:
    context = response.get("context")
    counts = (response.get("numberMatched"), context.get("matched") if isinstance(context, Mapping) else None)
    return next(
        (count for count in counts if isinstance(count, int) and not isinstance(count, bool) and count >= 0), None
    )


def _links(url: str, document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    links = document.get("links", [])
    if not isinstance(links, list) or not all(isinstance(link, Mapping) for link in links):
        raise CatalogUnavailable(f"{url} is not STAC: its links must be a list of objects")
    return links


def _rfc3339(time: datetime) -> str:
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")

"""Items of a static catalog on a web server."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

from catalogs.errors import CatalogError
from catalogs.sources.crawl import crawl
from catalogs.sources.fetch import fetch_json

if TYPE_CHECKING:
    from requests import Session

MAX_DOCUMENTS = 100_000
"""Three hours at ten documents per second. A larger catalog is better given as a list of items."""


def items(session: "Session", url: str, collection: str) -> Iterator[dict[str, Any]]:
    """Every item of the collection that links from the document at `url` reach, with absolute hrefs.

    CatalogError if a document is not STAC, if there are more than 100,000, or if a link leads to another host or scheme
    or out of the folder of `url`; CatalogUnavailable if the server does not answer.
    """
    read, resolve_link = partial(fetch_json, session), partial(_resolve_link, urljoin(url, "."))
    return crawl(url, collection, read, resolve_link, _with_absolute_hrefs, MAX_DOCUMENTS)


def _resolve_link(folder: str, address: str, href: object) -> str:
    target = _absolute(address, href)
    parts, home = urlsplit(target or ""), urlsplit(folder)
    same = (parts.scheme, parts.netloc) == (home.scheme, home.netloc)
    inside = unquote(parts.path).startswith(unquote(home.path)) and ".." not in unquote(parts.path).split("/")
    if target is None or not (same and inside):
        raise CatalogError(f"{address} links to {href!r:.200}, which is outside the catalog at {folder}")
    return target.partition("#")[0]


def _absolute(address: str, href: object) -> str | None:
    try:
        return urljoin(address, href) if isinstance(href, str) else None
    except ValueError:
        return None


def _with_absolute_hrefs(item: dict[str, Any], address: str) -> dict[str, Any]:
    assets = item.get("assets")
    if not isinstance(assets, dict):
        return item
    return {**item, "assets": {key: _with_absolute_href(asset, address) for key, asset in assets.items()}}


def _with_absolute_href(asset: Any, address: str) -> Any:
    href = _absolute(address, asset.get("href")) if isinstance(asset, dict) else None
    return asset if href is None else {**asset, "href": href}

"""Items of a static catalog on a web server."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

from catalogs.errors import CatalogError
from catalogs.items import fields
from catalogs.sources.api import refuse_local_file
from catalogs.sources.crawl import Document, Refuse, crawl, find_collection
from catalogs.sources.fetch import fetch_json
from catalogs.sources.hrefs import absolute_url, resolve_hrefs

if TYPE_CHECKING:
    from requests import Session

MAX_DOCUMENTS = 100_000
"""Three hours at ten documents per second. A larger catalog is better given as a list of items."""


def items(session: "Session", url: str, collection: str, refuse: Refuse) -> Iterator[Any]:
    """Every item of the collection that links from the document at `url` reach, with absolute hrefs.

    Hrefs of files of this machine are withheld, unless `url` is on it. `refuse` is told of links to items that cannot
    be followed. CatalogError if a catalog is not STAC, if there are more than 100,000 documents, or if the link to a
    catalog leads to another host or scheme or out of the folder of `url`; CatalogUnavailable if the server does not
    answer.
    """
    read, resolve_link = partial(fetch_json, session), partial(_resolve_link, urljoin(url, "."))
    return crawl(url, collection, read, resolve_link, partial(_resolve_assets, url), refuse, MAX_DOCUMENTS)


def collection(session: "Session", url: str, name: str) -> Document | None:
    """The collection of that id in a catalog (see `items`); None where there is none. Raises CatalogError."""
    resolve_link = partial(_resolve_link, urljoin(url, "."))
    return find_collection(url, name, partial(fetch_json, session), resolve_link, MAX_DOCUMENTS)


def _resolve_link(folder: str, address: str, href: object) -> str:
    target = absolute_url(address, href)
    parts, home = urlsplit(target or ""), urlsplit(folder)
    same = (parts.scheme, parts.netloc) == (home.scheme, home.netloc)
    inside = unquote(parts.path).startswith(unquote(home.path)) and ".." not in unquote(parts.path).split("/")
    if target is None or not (same and inside):
        raise CatalogError(f"{address} links to {fields.brief(href)}, which is outside the catalog at {folder}")
    return target.partition("#")[0]


def _resolve_assets(catalog: str, item: dict[str, Any], address: str) -> dict[str, Any]:
    return resolve_hrefs(item, lambda href: refuse_local_file(catalog, absolute_url(address, href) or href))

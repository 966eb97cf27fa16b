"""Items of a static catalog on a web server."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

from catalogs.errors import CatalogError
from catalogs.sources.crawl import walk as walk_from
from catalogs.sources.fetch import document

if TYPE_CHECKING:
    from requests import Session

MOST_DOCUMENTS = 100_000
"""At ten documents a second this is three hours; a larger catalog is better given as a list of items."""


def walk(session: "Session", url: str, collection: str) -> Iterator[dict[str, Any]]:
    """Every item of the collection that the links from the document at `url` reach, its hrefs made whole.

    CatalogError when a document is not STAC, when there are more than 100,000 of them, or when a link leads to another
    host or scheme, or out of the folder of `url`; CatalogUnavailable when the server does not answer.
    """
    read = partial(document, session)
    return walk_from(url, collection, read, partial(_below, urljoin(url, ".")), _with_whole_hrefs, MOST_DOCUMENTS)


def _below(folder: str, place: str, href: object) -> str:
    target = _joined(place, href)
    parts, home = urlsplit(target or ""), urlsplit(folder)
    same = (parts.scheme, parts.netloc) == (home.scheme, home.netloc)
    inside = unquote(parts.path).startswith(unquote(home.path)) and ".." not in unquote(parts.path).split("/")
    if target is None or not (same and inside):
        raise CatalogError(f"{place} links to {href!r:.200}, which is outside the catalog at {folder}")
    return target.partition("#")[0]


def _joined(place: str, href: object) -> str | None:
    try:
        return urljoin(place, href) if isinstance(href, str) else None
    except ValueError:
        return None


def _with_whole_hrefs(item: dict[str, Any], place: str) -> dict[str, Any]:
    assets = item.get("assets")
    if not isinstance(assets, dict):
        return item
    return {**item, "assets": {key: _with_whole_href(asset, place) for key, asset in assets.items()}}


def _with_whole_href(asset: Any, place: str) -> Any:
    href = _joined(place, asset.get("href")) if isinstance(asset, dict) else None
    return asset if href is None else {**asset, "href": href}

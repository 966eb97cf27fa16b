"""Reading of a static STAC catalog, from a disk or a web server."""

from collections.abc import Callable, Iterator
from typing import Any

from catalogs.errors import CatalogError, CatalogUnavailable
from catalogs.sources.fetch import BadDocument

Document = dict[str, Any]
Refuse = Callable[[str, str], None]
"""Told of the address of an item, and why it cannot be used."""


def crawl(
    start: str,
    collection: str,
    read: Callable[[str], Any],
    resolve_link: Callable[[str, object], str],
    resolve_assets: Callable[[Document, str], Document],
    refuse: Refuse,
    max_documents: int,
) -> Iterator[Any]:
    """Every item of the collection that links from the document at `start` reach; each document is read once.

    `read(address)` gives a document. `resolve_link(address, href)` gives the address of a link in the document at
    `address`. `resolve_assets(item, address)` gives the item with absolute hrefs. `refuse` is told of links to items
    that lead nowhere. Raises CatalogError if a catalog is not STAC, for then items are missing whose number nobody
    knows, or if there are more than `max_documents`.
    """
    pending, seen = [(start, False)], {start}
    while pending:
        address, is_item = pending.pop()
        try:
            document = _read(address, read)
        except CatalogError as error:
            if not is_item or (isinstance(error, CatalogUnavailable) and not isinstance(error, BadDocument)):
                raise
            refuse(address, str(error))
            continue
        kind = document["type"]
        if kind in ("Feature", "FeatureCollection"):
            for item in [document] if kind == "Feature" else _features(address, document):
                if not isinstance(item, dict):
                    yield item
                elif item.get("collection") == collection:
                    yield resolve_assets(item, address)
            continue
        other = kind == "Collection" and document.get("id") != collection
        targets: dict[str, bool] = {}
        for relation, href in _links(address, document):
            if relation == "item" and other:
                continue
            try:
                targets.setdefault(resolve_link(address, href), relation == "item")
            except CatalogError as error:
                if relation == "child":
                    raise
                refuse(f"{address} {href!r:.80}", str(error))
        unseen = [(target, is_item) for target, is_item in targets.items() if target not in seen]
        seen.update(target for target, _ in unseen)
        pending += reversed(unseen)
        if len(seen) > max_documents:
            raise CatalogError(
                f"{start} leads to more than {max_documents} documents; give one of its collections, or the items as "
                "a list"
            )


def find_collection(
    start: str,
    name: str,
    read: Callable[[str], Any],
    resolve_link: Callable[[str, object], str],
    max_documents: int,
) -> Document | None:
    """The collection of that id which links from the document at `start` reach; None where none does.

    `read` and `resolve_link` are those of `crawl`. Raises CatalogError.
    """
    pending, seen = [start], {start}
    while pending and len(seen) <= max_documents:
        address = pending.pop(0)
        document = _read(address, read)
        if document["type"] == "Collection" and document.get("id") == name:
            return document
        if document["type"] in ("Catalog", "Collection"):
            children = [
                resolve_link(address, href) for relation, href in _links(address, document) if relation == "child"
            ]
            pending += [child for child in children if child not in seen]
            seen.update(children)
    return None


def _read(address: str, read: Callable[[str], Any]) -> Document:
    document = read(address)
    if not isinstance(document, dict):
        raise CatalogError(f"{address} is not STAC: it must hold an object")
    kind = document.get("type")
    if kind not in ("Catalog", "Collection", "Feature", "FeatureCollection"):
        raise CatalogError(f"{address} is not STAC: its type is {kind!r:.80}, not Catalog, Collection or Feature")
    return document


def _features(address: str, document: Document) -> list[Any]:
    features = document.get("features")
    if not isinstance(features, list):
        raise CatalogError(f"{address} is not STAC: its features must be a list of objects")
    return features


def _links(address: str, document: Document) -> Iterator[tuple[str, object]]:
    """(relation, href) of each link to a catalog or an item."""
    links = document.get("links")
    if not isinstance(links, list):
        raise CatalogError(f"{address} is not STAC: it must have a list of links, each with rel and href")
    for link in links:
        if isinstance(link, dict) and link.get("rel") in ("child", "item"):
            yield link["rel"], link.get("href")

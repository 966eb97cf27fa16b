"""Reading of a static STAC catalog, from a disk or a web server."""

from collections.abc import Callable, Iterator
from typing import Any

from catalogs.errors import CatalogError

Document = dict[str, Any]


def crawl(
    start: str,
    collection: str,
    read: Callable[[str], Any],
    resolve_link: Callable[[str, object], str],
    resolve_assets: Callable[[Document, str], Document],
    max_documents: int,
) -> Iterator[Document]:
    """Every item of the collection that links from the document at `start` reach; each document is read once.

    `read(address)` gives a document. `resolve_link(address, href)` gives the address of a link in the document at
    `address`. `resolve_assets(item, address)` gives the item with absolute hrefs. Raises CatalogError if a document is
    not STAC, or if there are more than `max_documents`.
    """
    pending, seen = [start], {start}
    while pending:
        address = pending.pop()
        document = read(address)
        if not isinstance(document, dict):
            raise CatalogError(f"{address} is not STAC: it must hold an object")
        kind = document.get("type")
        if kind in ("Feature", "FeatureCollection"):
            for item in [document] if kind == "Feature" else _features(address, document):
                if item.get("collection") == collection:
                    yield resolve_assets(item, address)
            continue
        if kind not in ("Catalog", "Collection"):
            raise CatalogError(f"{address} is not STAC: its type is {kind!r}, not Catalog, Collection or Feature")
        other = kind == "Collection" and document.get("id") != collection
        links = _links(address, document, ("child",) if other else ("child", "item"))
        targets = dict.fromkeys(resolve_link(address, link) for link in links)
        unseen = [target for target in targets if target not in seen]
        seen.update(unseen)
        pending += reversed(unseen)
        if len(seen) > max_documents:
            raise CatalogError(
                f"{start} leads to more than {max_documents} documents; give one of its collections, or the items as "
                "a list"
            )


def _features(address: str, document: Document) -> list[Document]:
    features = document.get("features")
    if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
        raise CatalogError(f"{address} is not STAC: its features must be a list of objects")
    return features


def _links(address: str, document: Document, relations: tuple[str, ...]) -> list[object]:
    try:
        return [link["href"] for link in document["links"] if link["rel"] in relations]
    except (KeyError, TypeError):
        raise CatalogError(f"{address} is not STAC: each of its links must have rel and href") from None

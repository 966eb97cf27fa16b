"""Items of a static catalog, wherever it is kept."""

from collections.abc import Callable, Iterator
from typing import Any

from catalogs.errors import CatalogError

Document = dict[str, Any]


def walk(
    start: str,
    collection: str,
    read: Callable[[str], Any],
    follow: Callable[[str, object], str],
    whole: Callable[[Document, str], Document],
    most: int,
) -> Iterator[Document]:
    """Every item of the collection that the links from the document `start` reach, no document twice.

    `read` gives a document, `follow` the place a document's link leads to, `whole` an item with whole hrefs.
    CatalogError when a document is not STAC, or when there are more than `most` of them.
    """
    waiting, seen = [start], {start}
    while waiting:
        place = waiting.pop()
        document = read(place)
        if not isinstance(document, dict):
            raise CatalogError(f"{place} is not STAC: it must hold an object")
        kind = document.get("type")
        if kind in ("Feature", "FeatureCollection"):
            for item in [document] if kind == "Feature" else _features(place, document):
                if item.get("collection") == collection:
                    yield whole(item, place)
            continue
        if kind not in ("Catalog", "Collection"):
            raise CatalogError(f"{place} is not STAC: its type is {kind!r}, not Catalog, Collection or Feature")
        other = kind == "Collection" and document.get("id") != collection
        links = _links(place, document, ("child",) if other else ("child", "item"))
        fresh = [target for target in dict.fromkeys(follow(place, link) for link in links) if target not in seen]
        seen.update(fresh)
        waiting += reversed(fresh)
        if len(seen) > most:
            raise CatalogError(
                f"{start} leads to more than {most} documents; give one of its collections, or the items as a list"
            )


def _features(place: str, document: Document) -> list[Document]:
    features = document.get("features")
    if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
        raise CatalogError(f"{place} is not STAC: its features must be a list of objects")
    return features


def _links(place: str, document: Document, relations: tuple[str, ...]) -> list[object]:
    try:
        return [link["href"] for link in document["links"] if link["rel"] in relations]
    except (KeyError, TypeError):
        raise CatalogError(f"{place} is not STAC: each of its links must have rel and href") from None

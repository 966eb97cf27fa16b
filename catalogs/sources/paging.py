"""One slice of a search, page by page, each page on disk before the next is asked for."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from catalogs.errors import CatalogUnavailable
from catalogs.sources import api, page_store
from catalogs.sources.fetch import Refused
from catalogs.sources.page_store import Page

if TYPE_CHECKING:
    from requests import Session


def pages_of(session: "Session", first: api.Request, folder: Path) -> Iterator[Page]:
    """Every page of the slice that begins with the request `first`, those kept below `folder` without asking again.

    A slice is asked anew when the server does not accept the request for a further page, and once more when it gave
    fewer items than it says there are; pages given by then stay given, so items may come twice. CatalogUnavailable
    when it is short again, when the pages form a circle, or when the server does not answer: the pages so far are kept
    and the same call goes on after them.
    """
    kept = folder / digest(first)
    anew = again = True
    while True:
        ids: set[str] = set()
        matched = None
        try:
            for page in _onward(session, first, kept):
                yield page
                ids.update(str(item.get("id")) for item in page.features)
                matched = page.matched
        except Refused:
            if not ids or not anew:
                raise
            anew = False
        else:
            if matched is None or len(ids) >= matched:
                return
            if not again:
                page_store.remove(kept)
                raise CatalogUnavailable(
                    f"{first['url']} says that {matched} items match {_asked(first)}, but gives only {len(ids)} of "
                    "them, twice: try again later, or another catalog"
                )
            again = False
        page_store.remove(kept)


def digest(request: object) -> str:
    """16 hex digits that name a request."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:16]


def _onward(session: "Session", first: api.Request, folder: Path) -> Iterator[Page]:
    found = page_store.read(folder)
    yield from found
    asked = {digest(page.next) for page in found[:-1]} | {digest(first)}
    request, number = (found[-1].next, len(found)) if found else (first, 0)
    while request is not None:
        if number and digest(request) in asked:
            raise CatalogUnavailable(f"{request['url']} leads in a circle: its page {number + 1} was given before")
        asked.add(digest(request))
        page = api.ask(session, request)
        page_store.put(folder, number, page)
        yield page
        request, number = page.next, number + 1


def _asked(request: api.Request) -> str:
    body = request["body"]
    return f"{', '.join(body['collections'])} of {body['datetime']}"

"""The pages of one slice of a search; each is on disk before the next is requested."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from catalogs.errors import CatalogUnavailable
from catalogs.sources import api, page_store
from catalogs.sources.fetch import ClientError
from catalogs.sources.page_store import Page

if TYPE_CHECKING:
    from requests import Session


def iterate_pages(session: "Session", first: api.Request, folder: Path) -> Iterator[Page]:
    """Every page of the slice whose first request is `first`; pages already below `folder` are not requested again.

    The slice is requested again, once, if the server rejects the request for a further page, and, once, if it gave
    fewer items than it reports. Pages that were yielded by then are not taken back, so items may come twice. Raises
    CatalogUnavailable if items are missing again, if the pages form a circle, or if the server does not answer; then
    the pages so far stay on disk, and the same call resumes after them.
    """
    pages = folder / request_digest(first)
    may_restart = may_repeat = True
    while True:
        ids: set[str] = set()
        matched = None
        try:
            for page in _pages(session, first, pages):
                yield page
                ids.update(str(item.get("id")) for item in page.features)
                matched = page.matched
        except ClientError:
            if not ids or not may_restart:
                raise
            may_restart = False
        else:
            if matched is None or len(ids) >= matched:
                return
            if not may_repeat:
                page_store.remove(pages)
                raise CatalogUnavailable(
                    f"{first['url']} says that {matched} items match {_description(first)}, but gives only {len(ids)} "
                    "of them, twice: try again later, or another catalog"
                )
            may_repeat = False
        page_store.remove(pages)


def request_digest(request: object) -> str:
    """16 hex digits that identify a request."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:16]


def _pages(session: "Session", first: api.Request, folder: Path) -> Iterator[Page]:
    stored = page_store.read_pages(folder)
    yield from stored
    seen = {request_digest(page.next) for page in stored[:-1]} | {request_digest(first)}
    request, number = (stored[-1].next, len(stored)) if stored else (first, 0)
    while request is not None:
        if number and request_digest(request) in seen:
            raise CatalogUnavailable(f"{request['url']} leads in a circle: its page {number + 1} was given before")
        seen.add(request_digest(request))
        page = api.fetch_page(session, request)
        page_store.write_page(folder, number, page)
        yield page
        request, number = page.next, number + 1


def _description(request: api.Request) -> str:
    body = request["body"]
    return f"{', '.join(body['collections'])} of {body['datetime']}"

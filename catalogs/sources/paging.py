"""The pages of one slice of a search; each is on disk before the next is requested."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from catalogs.errors import CatalogUnavailable
from catalogs.sources import api, page_store
from catalogs.sources.fetch import ClientError, ServerError
from catalogs.sources.page_store import Page
from catalogs.sources.unread import has_parts

if TYPE_CHECKING:
    from requests import Session

MAX_IDLE_PAGES = 30
"""Pages in a row without a new item: some servers filter pages after they were cut, others link to a next page for
ever."""
MAX_PAGES, MAX_ITEMS = 2_000, 50_000
"""Of a slice, which has at most a month of 6 by 8 degrees: about 2,000 scenes, each processed a few times."""
MAX_PASSES = 3
METHOD_REFUSED = (403, 404, 405, 415, 501)


@dataclass
class Server:
    """What a search has learnt of its server.

    `refused`: methods that it does not take. `taken`: the extensions of the request that it took last, None before the
    first. `counts`: whether its count was the number of items in every slice so far; None before the first.
    `shortages`: slices with fewer items than it counts, as (asked, count, items).
    """

    refused: set[str] = field(default_factory=set)
    taken: set[str] | None = None
    counts: bool | None = None
    shortages: list[tuple[str, int, int]] = field(default_factory=list)


def iterate_pages(session: "Session", first: Sequence[api.Request], folder: Path, server: Server) -> Iterator[Page]:
    """Every page of the slice that the first of `first` asks for which the server takes; pages already below `folder`
    are not requested again.

    The slice is requested again, once, if the server rejects the request for a further page. Where the server counts
    more items than it gives, the count may be an estimate, or items may be lost between pages. The slice is requested
    again where a loss is likely: items came twice, the count changed, or the counts of other slices were exact. A pass
    that brings nothing new shows that the count is wrong, which `server` records; passes that go on bringing new items
    show that each lost some. Pages that were yielded are not taken back, so items may come twice. Raises
    CatalogUnavailable after three such passes, if the pages do not end, or if the server does not answer; then the
    pages so far stay on disk, and the same call resumes after them.
    """
    pages = folder / request_digest(first)
    ids: set[str] = set()
    may_restart, passes = True, 0
    while True:
        before, items, counts = len(ids), 0, set()
        try:
            for page in _pages(session, first, pages, server):
                yield page
                items += len(page.features)
                ids.update(map(_id, page.features))
                counts.add(page.matched)
                matched = page.matched
        except ClientError:
            if not items or not may_restart:
                raise
            may_restart = False
            page_store.remove(pages)
            continue
        passes += 1
        if matched is None:
            return
        if len(ids) >= matched:
            if matched:
                server.counts = server.counts is not False and len(ids) == matched
            return
        likely = passes > 1 or server.counts or items > len(ids) or len(counts) > 1
        if len(ids) == before or not likely:
            server.counts = False
            server.shortages.append((_asked(first[0]), matched, len(ids)))
            return
        page_store.remove(pages)
        if passes == MAX_PASSES:
            raise CatalogUnavailable(
                f"{first[0]['url']} counts {matched} items for {_asked(first[0])} and gives others each time it is "
                f"asked, {len(ids)} in {passes} times: try again later, or another catalog"
            )


def request_digest(request: object) -> str:
    """16 hex digits that identify a request."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:16]


def _pages(session: "Session", first: Sequence[api.Request], folder: Path, server: Server) -> Iterator[Page]:
    stored = page_store.read_pages(folder)
    ids: set[str] = set()
    asked: set[str] = set()
    number = idle = 0
    request: api.Request | None = first[0]
    while request is not None:
        if number < len(stored):
            page = stored[number]
        else:
            page = _first_page(session, first, server) if number == 0 else _next_page(session, request)
            page_store.write_page(folder, number, page)
        yield page
        new = set(map(_id, page.features)) - ids
        ids |= new
        idle = 0 if new else idle + 1
        asked.add(request_digest(request))
        request, number = page.next, number + 1
        if request is None or (not page.features and request_digest(request) in asked):
            return
        if idle > MAX_IDLE_PAGES and page.matched is not None and len(ids) >= page.matched:
            return
        reason = None
        if request_digest(request) in asked:
            reason = f"leads in a circle: its page {number + 1} was given before"
        elif idle > MAX_IDLE_PAGES:
            reason = f"gives {idle} pages in a row without a new item, and each leads to a further one"
        elif len(ids) > MAX_ITEMS or number >= MAX_PAGES:
            reason = f"gives {len(ids):,} items on {number:,} pages and more for {_asked(first[0])}, against the query"
        if reason is not None:
            page_store.remove(folder)
            raise CatalogUnavailable(f"{request['url']} {reason}: try again later, or another catalog")


def _first_page(session: "Session", first: Sequence[api.Request], server: Server) -> Page:
    """A server may also fail over a filter, as pgstac does over one that compares a text with a number."""
    refusals: list[ClientError | ServerError] = []
    for request in first:
        extensions = api.extensions(request)
        known = server.taken is None or extensions <= server.taken
        failed = extensions and any(isinstance(refusal, ServerError) for refusal in refusals)
        if request["method"] in server.refused or not known or failed:
            continue
        try:
            page = api.fetch_page(session, request)
        except ClientError as refusal:
            refusals.append(refusal)
            if refusal.status in METHOD_REFUSED:
                server.refused.add(request["method"])
        except ServerError as failure:
            refusals.append(failure)
            if not extensions:
                break
        else:
            if "fields" not in extensions or all(map(has_parts, page.features)):
                server.taken = extensions
                return page
    server.refused.clear()
    raise refusals[0]


def _next_page(session: "Session", request: api.Request) -> Page:
    try:
        return api.fetch_page(session, request)
    except ClientError as refusal:
        if refusal.status not in METHOD_REFUSED:
            raise
        try:
            return api.fetch_page(session, api.by_other_method(request))
        except ClientError:
            raise refusal from None


def _id(feature: object) -> str:
    return str(feature.get("id")) if isinstance(feature, dict) else repr(feature)


def _asked(request: api.Request) -> str:
    body = request["body"] or api.by_other_method(request)["body"]
    return f"{', '.join(body['collections'])} of {body['datetime']}"

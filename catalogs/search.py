"""Searches of a catalog: from a query to items and scenes."""

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from shapely.geometry.base import BaseGeometry

from catalogs.area import Bounds, as_polygon
from catalogs.errors import CatalogError, CatalogUnavailable
from catalogs.items.mask import MaskChoice
from catalogs.items.provider import Provider
from catalogs.query import Query
from catalogs.scene import Scene, read_scene, read_scenes
from catalogs.select import Selection, select
from catalogs.sources import api, fetch, item_list, page_store, paging, static_folder, static_http
from catalogs.sources.matching import MatchingItems, Progress
from catalogs.sources.slices import Slice, slices

if TYPE_CHECKING:
    from requests import Session

ROLES = ("blue", "green", "red", "nir")


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a catalog has for a query.

    `items` are unique and ordered by id. `refusals`: by id, one sentence why an item cannot be used. `matched`: the
    number of items that the catalog reports (STAC `numberMatched`), summed over `slices`, so that an item in two slices
    counts twice; None where the catalog does not report it. `warnings`: sentences about what may be missing, or was
    read in vain.
    """

    items: list[dict[str, Any]]
    refusals: dict[str, str]
    matched: int | None = None
    slices: tuple[Slice, ...] = ()
    warnings: tuple[str, ...] = ()


def search(
    query: Query,
    roles: Sequence[str] = ROLES,
    progress: Progress | None = None,
    provider: Provider | None = None,
) -> list[Scene]:
    """The scenes of a query, one per acquisition, ordered by (datetime, id); `provider` as in `read_scene`.

    An acquisition whose newest processing is too cloudy is left out, even if an older processing is not.
    """
    return scenes(search_items(query, progress), roles, query.max_cloud, provider)


def search_items(query: Query, progress: Progress | None = None) -> list[dict[str, Any]]:
    """The raw STAC items in the query's area, period and months, of any cloud cover, unique and ordered by id."""
    return search_with_refusals(replace(query, max_cloud=100.0), None, progress).items


def find_collection(catalog: str, name: str) -> Mapping[str, Any] | None:
    """The document of a collection; None where the catalog has none of that id, and for a list of items.

    Raises CatalogError and CatalogUnavailable.
    """
    if urlsplit(catalog).scheme not in ("http", "https"):
        return None if Path(catalog).suffix in item_list.SUFFIXES else static_folder.collection(catalog, name)
    with fetch.new_session() as session:
        if api.read_landing_page(catalog, fetch.fetch_json(session, catalog)) is None:
            return static_http.collection(session, catalog, name)
        try:
            document = fetch.fetch_json(session, f"{catalog.rstrip('/')}/collections/{quote(name, safe='')}")
        except fetch.ClientError:
            return None
    return document if isinstance(document, Mapping) else None


def scenes(
    items: Iterable[Mapping[str, Any]],
    roles: Sequence[str] = ROLES,
    max_cloud: float = 100.0,
    provider: Provider | None = None,
) -> list[Scene]:
    """The scenes of raw STAC items, one per acquisition, ordered by (datetime, id); `provider` as in `read_scene`.

    CatalogError if one of them cannot be used; `select_from_items` leaves such items out instead.
    """
    return select([read_scene(item, roles, None, provider) for item in items], max_cloud).scenes


def select_from_items(
    items: Iterable[Mapping[str, Any]],
    roles: Sequence[str] = ROLES,
    *,
    area: Bounds | BaseGeometry | None = None,
    months: Collection[int] = (),
    max_cloud: float = 100.0,
    min_clear_share: float = 0.0,
    mask: MaskChoice | None = None,
    provider: Provider | None = None,
) -> Selection:
    """The scenes of raw STAC items to use, and by id why each other item is excluded, unusable ones included.

    The rules are those of `catalogs.select.select`; `area` is as in a Query, `mask` and `provider` as in `read_scene`.
    """
    usable, refused = read_scenes(items, roles, mask, provider)
    geometry = None if area is None else as_polygon(area)
    selection = select(usable, max_cloud, months, geometry, min_clear_share)
    return Selection(selection.scenes, {**refused, **selection.exclusions})


def search_with_refusals(
    query: Query,
    folder: Path | None = None,
    progress: Progress | None = None,
    limit: int = api.DEFAULT_LIMIT,
    maps: bool = False,
) -> SearchResult:
    """All items that match a query; every item of the catalog's answer is checked again here.

    The pages of a STAC API, of `limit` (1 to 250) items each, are written to `folder` as they arrive: after an outage,
    a crash or a kill the same call resumes after the last of them, for a day. After a complete search it starts again;
    `catalogs.sources.page_store.remove(folder)` removes the pages. Without a folder no page is kept. `progress` is
    called with the number of items so far. An item without a cloud value counts as clear. maps: items are not scenes
    but maps, each of a whole period, such as a year's, that meets the query's. Raises CatalogUnavailable if
    the catalog does not answer, loses items between pages or gives pages without end; SearchHeld while another search
    uses the folder; CatalogError if the catalog is not one.
    """
    if not 1 <= limit <= api.MAX_LIMIT:
        raise CatalogError(f"limit is {limit}, but a page has 1 to {api.MAX_LIMIT} items")
    matching = MatchingItems(query, progress, maps)
    try:
        return _find(query, matching, folder, limit)
    except RecursionError:
        raise CatalogError(f"{query.catalog} has a document that nests too deeply to be STAC") from None


def _find(query: Query, matching: MatchingItems, folder: Path | None, limit: int) -> SearchResult:
    if urlsplit(query.catalog).scheme in ("http", "https"):
        with _folder(folder) as pages, page_store.exclusive(pages), fetch.new_session() as session:
            return _find_remote(session, query, matching, pages, limit)
    if Path(query.catalog).suffix in item_list.SUFFIXES:
        matching.add(item_list.items(query.catalog, query.collection))
    else:
        matching.add(static_folder.items(query.catalog, query.collection, matching.refuse))
    return SearchResult(matching.items(), matching.refusals)


@contextmanager
def _folder(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder
        return
    with ExitStack() as stack:
        try:
            scratch = stack.enter_context(tempfile.TemporaryDirectory())
        except OSError as error:
            raise CatalogUnavailable(f"the temporary folder (TMPDIR) cannot be used: {error}; make room") from None
        yield Path(scratch)


def _find_remote(session: "Session", query: Query, matching: MatchingItems, folder: Path, limit: int) -> SearchResult:
    stac_api = _api(session, query.catalog, folder)
    if stac_api is None:
        matching.add(static_http.items(session, query.catalog, query.collection, matching.refuse))
        return SearchResult(matching.items(), matching.refusals)
    parts, counts, server = tuple(slices(query)), [], paging.Server()
    for part in parts:
        first = api.first_requests(stac_api, query, part, limit)
        for page in paging.iterate_pages(session, first, folder, server):
            matching.add(api.resolve_hrefs(query.catalog, item) for item in page.features)
        counts.append(page.matched)
    page_store.mark_complete(folder)
    reported = [count for count in counts if count is not None]
    matched = sum(reported) if len(reported) == len(counts) else None
    warnings = [*_unfiltered(query, server), *_shortages(query.catalog, server)]
    return SearchResult(matching.items(), matching.refusals, matched, parts, tuple(warnings))


def _unfiltered(query: Query, server: paging.Server) -> Iterator[str]:
    names = list(dict.fromkeys(each.name for each in query.where if each.is_portable))
    if names and server.taken is not None and not server.taken & api.FILTERS:
        yield (
            f"{query.catalog} does not filter by {', '.join(names)}: all items of the area and period were read, and "
            "judged here"
        )


def _shortages(catalog: str, server: paging.Server) -> Iterator[str]:
    if server.shortages:
        counted, given = (sum(numbers) for numbers in list(zip(*server.shortages, strict=True))[1:])
        yield (
            f"{catalog} counts {counted} items but gives {given}, first for {server.shortages[0][0]}: its count is an "
            "estimate or holds items that it does not show; `idgbr update` searches again"
        )


def _api(session: "Session", url: str, folder: Path) -> api.Api | None:
    """The API at `url`, kept in `folder` for a search that resumes; None for a static catalog."""
    path = folder / f"{paging.request_digest(['api', url])}.json.gz"
    if path.is_file():
        kept = page_store.read_json(path)
        return api.Api(**{**kept, "languages": tuple(kept["languages"])})
    stac_api = api.read_landing_page(url, fetch.fetch_json(session, url))
    if stac_api is not None:
        page_store.write_json(path, {**asdict(stac_api), "languages": list(stac_api.languages)})
    return stac_api

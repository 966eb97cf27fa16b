"""From a query to the scenes it means."""

import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shapely.geometry.base import BaseGeometry

from catalogs.area import Bounds, as_polygon
from catalogs.errors import CatalogError
from catalogs.items.mask import MaskChoice
from catalogs.query import Query
from catalogs.scene import Scene, read_scene, read_scenes
from catalogs.select import Selection, select
from catalogs.sources import api, fetch, item_list, page_store, paging, static_folder, static_http
from catalogs.sources.matching import Progress, Sieve
from catalogs.sources.slices import Slice, slices

if TYPE_CHECKING:
    from requests import Session

ROLES = ("blue", "green", "red", "nir")


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a catalog has for a query.

    `items` are unique and ordered by id. `refusals`: by id, one sentence why an item cannot be used. `matched`: the
    number of items that the catalog reports (STAC `numberMatched`), summed over `slices`, so that an item in two slices
    counts twice; None where the catalog does not report it.
    """

    items: list[dict[str, Any]]
    refusals: dict[str, str]
    matched: int | None = None
    slices: tuple[Slice, ...] = ()


def search(query: Query, roles: Sequence[str] = ROLES, progress: Progress | None = None) -> list[Scene]:
    """The scenes of a query, one per acquisition, in the total order (datetime, id).

    An acquisition whose newest processing is too cloudy is left out, also where an older one is not.
    """
    return scenes(search_items(query, progress), roles, query.max_cloud)


def search_items(query: Query, progress: Progress | None = None) -> list[dict[str, Any]]:
    """The raw STAC items of any cloud cover in the query's area, period and months, unique and ordered by id."""
    return find(replace(query, max_cloud=100.0), None, progress).items


def scenes(items: Iterable[Mapping[str, Any]], roles: Sequence[str] = ROLES, max_cloud: float = 100.0) -> list[Scene]:
    """The scenes of raw STAC items, one per acquisition, ordered by (datetime, id).

    CatalogError when one of them cannot be used; `choose` goes on without it.
    """
    return select([read_scene(item, roles) for item in items], max_cloud).scenes


def choose(
    items: Iterable[Mapping[str, Any]],
    roles: Sequence[str] = ROLES,
    *,
    area: Bounds | BaseGeometry | None = None,
    months: Collection[int] = (),
    max_cloud: float = 100.0,
    min_clear_share: float = 0.0,
    mask: MaskChoice | None = None,
) -> Selection:
    """The scenes of raw STAC items that are used, and by id why each other item is not, unusable ones among them.

    Selection as in `catalogs.select.select`; `area` is as in a Query, `mask` as in `read_scene`.
    """
    usable, refused = read_scenes(items, roles, mask)
    geometry = None if area is None else as_polygon(area)
    selection = select(usable, max_cloud, months, geometry, min_clear_share)
    return Selection(selection.scenes, {**refused, **selection.exclusions})


def find(
    query: Query, folder: Path | None = None, progress: Progress | None = None, limit: int = api.LIMIT
) -> SearchResult:
    """Everything a catalog has for a query; what it answers is checked again here.

    The pages of a STAC API are kept in `folder` as they come, `limit` (1 to 250) items at a time: after an outage, a
    crash or a kill the same call goes on from the last of them, for a day. After a search that was finished it asks
    anew; remove its pages with `catalogs.sources.pages.drop(folder)`. Without a folder nothing is kept. `progress` is
    told how many were found so far. An item without a cloud value is as good as a clear one. CatalogUnavailable when
    the catalog does not answer or does not give all it has, or while another search holds the folder; CatalogError when
    it is no catalog.
    """
    if not 1 <= limit <= api.LARGEST_LIMIT:
        raise CatalogError(f"limit is {limit}, but a page has 1 to {api.LARGEST_LIMIT} items")
    sieve = Sieve(query, progress)
    if urlsplit(query.catalog).scheme in ("http", "https"):
        with tempfile.TemporaryDirectory() as scratch, fetch.session() as session:
            folder = folder or Path(scratch)
            with page_store.held(folder):
                return _find_remote(session, query, sieve, folder, limit)
    listing = Path(query.catalog).suffix in item_list.SUFFIXES
    sieve.take((item_list.items if listing else static_folder.walk)(query.catalog, query.collection))
    return SearchResult(sieve.items(), sieve.refused)


def _find_remote(session: "Session", query: Query, sieve: Sieve, folder: Path, limit: int) -> SearchResult:
    served = _api(session, query.catalog, folder)
    if served is None:
        sieve.take(static_http.walk(session, query.catalog, query.collection))
        return SearchResult(sieve.items(), sieve.refused)
    asked, matched = tuple(slices(query)), []
    for part in asked:
        first = api.first(served, query.collection, part, query.max_cloud, limit)
        for page in paging.pages_of(session, first, folder):
            sieve.take(page.features)
        matched.append(page.matched)
    page_store.complete(folder)
    known = [count for count in matched if count is not None]
    return SearchResult(sieve.items(), sieve.refused, sum(known) if len(known) == len(matched) else None, asked)


def _api(session: "Session", url: str, folder: Path) -> api.Api | None:
    """The API at `url`, as `folder` keeps it for a search that goes on; None for a static catalog."""
    path = folder / f"{paging.digest(url)}.json.gz"
    if path.is_file():
        return api.Api(**page_store.load(path))
    served = api.described(url, fetch.document(session, url))
    if served is not None:
        page_store.write(path, asdict(served))
    return served

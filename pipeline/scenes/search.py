"""Search the catalog for a region's items, once."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any

import catalogs
from catalogs import CatalogError, Query, scenelist
from catalogs.secrets import redact
from catalogs.sources import page_store
from pipeline.config.region import Region
from pipeline.errors import NoScenes, RunError
from pipeline.scenes.item_list import (
    list_name,
    read_items,
    write_items,
    write_refusals,
    write_warnings,
    write_withdrawn,
)
from pipeline.scenes.signatures import detach_signatures, is_signed
from pipeline.storage.files import Files

Items = Sequence[Mapping[str, Any]]


def catalog_query(region: Region) -> Query:
    """The query of a region. It has no cloud limit, since the newer processing of a scene may be the cloudier one."""
    start, end = region.period
    return Query(
        catalog=region.catalog,
        collection=region.collection,
        area=region.searched,
        start=datetime.combine(start, time.min, UTC),
        end=datetime.combine(end, time.max, UTC),
        months=region.months,
        where=region.where,
        assets=region.assets,
    )


def find_items(
    files: Files, query: Query, refresh: bool = False, progress: Callable[[int], None] | None = None
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The STAC items of a query, from its durable list in the cube, and the signatures of their hrefs (see `Access`).

    If there is no list, the catalog is searched and the list written; with `refresh` the result of a search is added to
    the list, in which items stay that the catalog does not give any more. Pages of the search are kept in the cube's
    folder (or a local cache, where the cube is in object storage), so that an interrupted search resumes. The list has
    no secrets: where the catalog signs its hrefs, it is searched each time for the signatures, and without `refresh`
    the list stays as it is. `progress` is called with the number of items so far. Raises CatalogError, NoScenes where
    the query has no items, and RunError.
    """
    name = f"{list_name(query)}.parquet"
    exists = files.exists(name)
    known, _ = detach_signatures(read_items(files, name) if exists else [])
    if exists and not refresh and not is_signed(known):
        return known, {}
    folder = files.scratch(f"{list_name(query)}.pages")
    result = catalogs.search_with_refusals(query, folder, progress)
    found, signatures = detach_signatures(result.items)
    if refresh or not exists:
        items = scenelist.merge(known, found)
        if not items:
            page_store.remove(folder)
            raise NoScenes(_nothing(query, result.refusals))
        try:
            write_items(files, name, items)
            write_refusals(files, query, result.refusals)
            write_warnings(files, query, result.warnings)
            write_withdrawn(files, query, _missing(known, found, result.refusals))
        except (CatalogError, RunError):
            page_store.mark_needed(folder)
            raise
    page_store.remove(folder)
    return read_items(files, name), signatures


def _missing(known: Items, found: Items, refusals: Mapping[str, str]) -> list[str]:
    """The ids of the known items that a search did not give."""
    return sorted({item["id"] for item in known} - {item["id"] for item in found} - refusals.keys())


def _nothing(query: Query, refusals: Mapping[str, str]) -> str:
    catalog = redact(query.catalog)
    if refusals:
        first = next(iter(refusals.values()))
        return f"none of the {len(refusals)} items that {catalog} gives can be used, the first because {first}"
    wanted = f" with {' and '.join(map(str, query.where))}" if query.where else ""
    return (
        f"no scenes of {query.collection!r} in {catalog} for this area from {query.start.date()} to "
        f"{query.end.date()}{wanted}; check the collection, or widen the area or the period"
    )

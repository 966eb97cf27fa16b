"""The scenes of a region: found once and kept, chosen from the list, their doubts settled."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import Any

import catalogs
from catalogs import Query, scenelist
from catalogs.sources import page_store
from pipeline.config.region import Region
from pipeline.errors import UserError
from pipeline.fingerprint import json_digest
from pipeline.storage import files
from pipeline.storage.location import Place

Count = Callable[[int], None]


def find_items(region: Region, refresh: bool = False, found: Count | None = None) -> list[dict[str, Any]]:
    """The items of a region from its durable list, which a search makes if it is not there or grows if `refresh`.

    The search goes page by page into the cube's folder (or a cache, where that is object storage) and resumes there.
    `found` is told how many there are so far. Raises CatalogError, UserError where there are none, and RunError.
    """
    cube, name = region.cube, f"{list_name(region)}.parquet"
    known = files.exists(cube, name)
    if refresh or not known:
        folder = files.scratch(cube, f"{list_name(region)}.pages")
        result = catalogs.find(catalog_query(region), folder, found)
        held = scenelist.merge(read_items(cube, name), result.items) if known else result.items
        if not held:
            raise UserError(
                f"no scenes of {region.collection!r} in {region.catalog} for this area from {region.period[0]} to "
                f"{region.period[1]}; check the collection, or widen the area or the period"
            )
        write_items(cube, name, held)
        files.write(cube, f"{list_name(region)}.refused.json", json.dumps(result.refusals, indent=1) + "\n")
        page_store.remove(folder)
    return read_items(cube, name)


def read_refusals(region: Region) -> dict[str, str]:
    """What the last search found and could not use at all, by id, and why."""
    name = f"{list_name(region)}.refused.json"
    return json.loads(files.read(region.cube, name)) if files.exists(region.cube, name) else {}


def read_items(cube: Place, name: str) -> list[dict[str, Any]]:
    with files.reading(cube, name) as path:
        return scenelist.read(path)


def write_items(cube: Place, name: str, listed: list[dict[str, Any]]) -> None:
    with files.writing(cube, name) as path:
        scenelist.write(path, listed)


def catalog_query(region: Region) -> Query:
    """What is asked of the catalog: scenes of any cloud, since a newer processing may be the cloudier one."""
    start, end = region.period
    return Query(
        catalog=region.catalog,
        collection=region.collection,
        area=region.searched,
        start=datetime.combine(start, time.min, UTC),
        end=datetime.combine(end, time.max, UTC),
        months=region.months,
    )


def list_name(region: Region) -> str:
    """The name in the cube, less its ending, of the durable list of a query."""
    asked = region.model_dump(include={"catalog", "collection", "period", "months"}, mode="json")
    return f"scenes/{json_digest([asked, region.searched.wkt])[:16]}"

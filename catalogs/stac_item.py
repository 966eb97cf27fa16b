"""The STAC item of a published map."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from catalogs.atomic import atomic_write
from catalogs.errors import CatalogError

VERSION_SCHEMA = "https://stac-extensions.github.io/version/v1.2.0/schema.json"


def write_item(
    path: str | Path,
    *,
    id: str,
    footprint: BaseGeometry,
    start: datetime,
    end: datetime,
    crs: str,
    shape_YX: tuple[int, int],
    transform: Sequence[float],
    classes: Sequence[Mapping[str, Any]],
    store: str,
    snapshot: str,
    scenes: Sequence[str] = (),
) -> Path:
    """Write a STAC 1.1 item of a map, atomically, and return its path.

    `footprint` is in longitude and latitude; `transform` holds a, b, c, d, e, f with x = a * column + b * row + c, in
    the units of `crs` ("EPSG:3035"); `classes` rows hold code, name and color ("#rrggbb"); `store` is where the cube
    lies and `snapshot` its version; `scenes` are the ids of the scenes it was made from. Extensions: projection 2,
    classification 2, version. CatalogError when a value cannot stand in an item.
    """
    import pystac
    from pystac.extensions.classification import Classification, ClassificationExtension
    from pystac.extensions.projection import ProjectionExtension

    if start.tzinfo is None or end.tzinfo is None or start > end:
        raise CatalogError(f"the period {start} to {end} of map {id} needs time zones, and its start before its end")
    item = pystac.Item(
        id=id,
        geometry=json.loads(shapely.to_geojson(footprint)),
        bbox=list(footprint.bounds),
        datetime=None,
        start_datetime=start,
        end_datetime=end,
        properties={"version": snapshot, "idgbr:scenes": list(scenes)},
        stac_extensions=[VERSION_SCHEMA],
    )
    item.add_asset("cube", pystac.Asset(href=store, media_type="application/vnd.zarr; version=3", roles=["data"]))
    ProjectionExtension.ext(item, add_if_missing=True).apply(
        code=crs, shape=list(shape_YX), transform=[float(value) for value in transform]
    )
    ClassificationExtension.ext(item.assets["cube"], add_if_missing=True).apply(
        classes=[
            Classification.create(
                value=row["code"],
                name=re.sub(r"[^0-9A-Za-z]+", "-", row["name"]).strip("-").lower(),
                description=row["name"],
                color_hint=_hexadecimal(row),
            )
            for row in classes
        ]
    )
    path = Path(path)
    with atomic_write(path) as draft:
        draft.write_text(json.dumps(item.to_dict(include_self_link=False), indent=2))
    return path


def _hexadecimal(row: Mapping[str, Any]) -> str:
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", row["color"]):
        raise CatalogError(f"class {row['name']} has color {row['color']!r}, but it must look like #0064c8")
    return row["color"][1:].upper()

"""The STAC items of a published map and of the model that made it."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import shapely
from shapely.geometry.base import BaseGeometry

from catalogs.area import bbox_of
from catalogs.atomic import atomic_write
from catalogs.errors import CatalogError

if TYPE_CHECKING:
    from pystac.extensions.classification import Classification

VERSION_SCHEMA = "https://stac-extensions.github.io/version/v1.2.0/schema.json"
PROCESSING_SCHEMA = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"
DATACUBE_SCHEMA = "https://stac-extensions.github.io/datacube/v2.2.0/schema.json"


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
    variables: Mapping[str, str] | None = None,
    lineage: str | None = None,
    software: Mapping[str, str] | None = None,
    sources: Sequence[tuple[str, str, str | None]] = (),
) -> Path:
    """Write a STAC 1.1 item of a map, atomically, and return its path.

    `footprint` is in longitude and latitude; `transform` holds a, b, c, d, e, f with x = a * column + b * row + c, in
    the units of `crs` ("EPSG:3035"); `classes` rows hold code, name and color ("#rrggbb"); `store` is where the cube
    lies and `snapshot` its version; `scenes` are the ids of the scenes it was made from; `variables` are the arrays
    over (y, x), each with its description; `lineage` says in words how it was made, `software` by which versions;
    `sources` are the cubes it was joined from, each with its version and the href of its item, if it has one.
    Extensions: projection 2, classification 2, datacube, processing, version. CatalogError when a value cannot stand in
    an item.
    """
    import pystac
    from pystac.extensions.classification import ClassificationExtension
    from pystac.extensions.projection import ProjectionExtension

    if start.tzinfo is None or end.tzinfo is None or start > end:
        raise CatalogError(f"the period {start} to {end} of map {id} needs time zones, and its start before its end")
    item = pystac.Item(
        id=id,
        geometry=json.loads(shapely.to_geojson(footprint)),
        bbox=list(bbox_of(footprint)),
        datetime=None,
        start_datetime=start,
        end_datetime=end,
        properties={
            "version": snapshot,
            "idgbr:scenes": list(scenes),
            **_joined(sources),
            **_cube(start, end, crs, shape_YX, transform, variables or {}),
            **_processing(lineage, software),
        },
        stac_extensions=[VERSION_SCHEMA, DATACUBE_SCHEMA, *([PROCESSING_SCHEMA] if lineage or software else [])],
    )
    item.add_asset("cube", pystac.Asset(href=store, media_type="application/vnd.zarr; version=3", roles=["data"]))
    ProjectionExtension.ext(item, add_if_missing=True).apply(
        code=crs, shape=list(shape_YX), transform=[float(value) for value in transform]
    )
    ClassificationExtension.ext(item.assets["cube"], add_if_missing=True).apply(classes=class_list(classes))
    item.add_links([pystac.Link("derived_from", href, "application/geo+json") for *_, href in sources if href])
    path = Path(path)
    with atomic_write(path) as draft:
        draft.write_text(json.dumps(item.to_dict(include_self_link=False), indent=2))
    return path


def class_list(classes: Sequence[Mapping[str, Any]]) -> list["Classification"]:
    """`classification:classes` of rows with code, name and color. Raises CatalogError for a color not like #rrggbb."""
    from pystac.extensions.classification import Classification

    return [
        Classification.create(
            value=row["code"],
            name=re.sub(r"[^0-9A-Za-z]+", "-", row["name"]).strip("-").lower(),
            description=row["name"],
            color_hint=_hexadecimal(row),
        )
        for row in classes
    ]


def _cube(
    start: datetime,
    end: datetime,
    crs: str,
    shape_YX: tuple[int, int],
    transform: Sequence[float],
    variables: Mapping[str, str],
) -> dict[str, Any]:
    """`cube:dimensions` and `cube:variables`."""
    code = int(crs.rpartition(":")[2]) if crs.startswith("EPSG:") else crs
    spatial = {
        axis: {
            "type": "spatial",
            "axis": axis,
            "extent": sorted((origin, origin + step * length)),
            "step": step,
            "reference_system": code,
        }
        for axis, origin, step, length in (
            ("x", transform[2], transform[0], shape_YX[1]),
            ("y", transform[5], transform[4], shape_YX[0]),
        )
    }
    time = {"type": "temporal", "extent": [each.isoformat().replace("+00:00", "Z") for each in (start, end)]}
    return {
        "cube:dimensions": {"time": time, **spatial},
        "cube:variables": {
            name: {"type": "data", "dimensions": ["time", "y", "x"], "description": description}
            for name, description in variables.items()
        },
    }


def _processing(lineage: str | None, software: Mapping[str, str] | None) -> dict[str, Any]:
    values = {"processing:lineage": lineage, "processing:software": dict(software) if software else None}
    return {key: value for key, value in values.items() if value is not None}


def _joined(sources: Sequence[tuple[str, str, str | None]]) -> dict[str, Any]:
    return {"idgbr:sources": [{"cube": cube, "version": version} for cube, version, _ in sources]} if sources else {}


def _hexadecimal(row: Mapping[str, Any]) -> str:
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", row["color"]):
        raise CatalogError(f"class {row['name']} has color {row['color']!r}, but it must look like #0064c8")
    return row["color"][1:].upper()

"""Areas to search: geometries in longitude and latitude, within +-180 degrees, cut at the antimeridian."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from catalogs.errors import CatalogError

Bounds = tuple[float, float, float, float]

MAX_BYTES = 64 * 2**20
"""Of a GeoJSON file."""
CRS_MEMBERS = ("crs", "coordRefSys")
LONGITUDE_FIRST = re.compile(
    r"((urn:ogc:def:crs:)?OGC:[\d.]*:?|https?://www\.opengis\.net/def/crs/OGC/[\w.]+/)CRS84h?|(EPSG:)?4326",
    re.IGNORECASE,
)
"""`EPSG:4326` is here because writers of GeoJSON mean longitude first by it (GDAL, driver GeoJSON)."""
LATITUDE_FIRST = re.compile(
    r"(urn:ogc:def:crs:EPSG:[\d.]*:|https?://www\.opengis\.net/(def/crs/EPSG/[\w.]+/|gml/srs/epsg\.xml#))(4326|4979)",
    re.IGNORECASE,
)
"""Names that mean the order of the EPSG register (OGC 07-092r1)."""


def as_polygon(area: Bounds | BaseGeometry) -> BaseGeometry:
    """The geometry of west, south, east, north in degrees, or of a Polygon or MultiPolygon; CatalogError if neither."""
    if not isinstance(area, BaseGeometry):
        if len(area) != 4:
            raise CatalogError(f"bbox is {area}, but it must be four finite numbers: west, south, east, north")
        return bbox_polygon(*area)
    return _checked(area, "the area")


def bbox_polygon(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """The box between these degrees; if west > east, two parts across the antimeridian."""
    bounds = (west, south, east, north)
    if not all(isinstance(degree, int | float) and math.isfinite(degree) for degree in bounds):
        raise CatalogError(f"bbox is {bounds}, but it must be four finite numbers: west, south, east, north")
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90):
        raise CatalogError(f"bbox is {bounds}, but longitudes lie within +-180 and south < north within +-90")
    if west == east:
        raise CatalogError(f"bbox has west and east {west}, but they must differ")
    if west < east:
        return shapely.box(*bounds)
    parts = [shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)]
    return shapely.union_all([part for part in parts if part.area > 0])


def bbox_of(area: BaseGeometry) -> Bounds:
    """West, south, east, north in degrees of an area cut at the antimeridian; west > east across it (RFC 7946, 5.2)."""
    west, south, east, north = area.bounds
    spans = sorted((part.bounds[0], part.bounds[2]) for part in shapely.get_parts(area))
    reach = list(accumulate((end for _, end in spans), max))
    gap, at = max(((spans[at][0] - reach[at - 1], at) for at in range(1, len(spans))), default=(0, 0))
    if (west, east) != (-180, 180) or gap <= 0:
        return west, south, east, north
    return spans[at][0], south, reach[at - 1], north


def read_polygon(path: str | Path) -> BaseGeometry:
    """See `parse_polygon`. Raises CatalogError, also where the file cannot be read."""
    path = Path(path)
    return parse_polygon(_read(path), str(path))


def parse_polygon(content: bytes, path: str) -> BaseGeometry:
    """The Polygons and MultiPolygons of a GeoJSON file, of that path, as one geometry; those of GeometryCollections are
    among them.

    CatalogError if it is not JSON, names another CRS than longitude and latitude of WGS 84, has anything but
    polygons within +-180 and +-90 degrees, or a ring that spans more than 180 degrees: such a ring may cross the
    antimeridian uncut (against RFC 7946, 3.1.9) or go the long way round, which cannot be told apart. Heights are left
    out; a ring that crosses itself stands for the ground that it encloses.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CatalogError(f"{path} cannot be read as GeoJSON: {error}") from None
    try:
        shapes = [_shape(geometry, path) for geometry in _geometries(document, path)]
    except RecursionError:
        raise CatalogError(f"{path} is nested too deeply to be GeoJSON; give a Polygon or MultiPolygon") from None
    if not shapes:
        raise CatalogError(f"{path} holds no polygon, but an area needs a Polygon or MultiPolygon")
    polygons = shapely.get_parts(np.array([_checked(shape, path) for shape in shapes]))
    for west, _, east, _ in shapely.bounds(polygons):
        if east - west > 180:
            raise CatalogError(
                f"{path} has a ring from longitude {west:g} to {east:g}, more than 180 degrees wide: cut it at the "
                "antimeridian into a MultiPolygon (RFC 7946, 3.1.9), or give a bbox instead of a polygon"
            )
    return _checked(shapely.union_all(polygons), path)


def split_at_antimeridian(polygon: BaseGeometry) -> BaseGeometry:
    """A polygon beyond +-180 degrees, or with edges of more than 180 degrees, which go the short way round, cut at the
    antimeridian; as it stands where such edges lead around a pole, or leave nothing, as of the whole world."""
    west, _, east, _ = polygon.bounds
    if west < -180 or east > 180:
        whole = shapely.make_valid(polygon, method="structure", keep_collapsed=False)
        return shapely.union_all([_turn_back(whole, turn) for turn in (-360, 0, 360)])
    if not _crosses(polygon):
        return polygon
    beyond_180 = shapely.transform(polygon, lambda lonlat: lonlat + np.where(lonlat[:, :1] < 0, (360, 0), (0, 0)))
    eastward = shapely.make_valid(beyond_180, method="structure", keep_collapsed=False)
    western = shapely.intersection(eastward, shapely.box(180, -90, 360, 90))
    back = shapely.transform(western, lambda lonlat: lonlat - (360, 0))
    cut = shapely.union(shapely.intersection(eastward, shapely.box(0, -90, 180, 90)), back)
    return cut if cut.area > 0 else polygon


def _crosses(polygon: BaseGeometry) -> bool:
    """Whether a ring within +-180 degrees has edges longer than 180, and comes back to its start the short way."""
    step_N = np.diff(shapely.get_coordinates(shapely.get_exterior_ring(polygon))[:, 0])
    short_N = (step_N + 180) % 360 - 180
    return bool((abs(step_N) > 180).any()) and abs(short_N.sum()) < 1


def _turn_back(shape: BaseGeometry, turn: int) -> BaseGeometry:
    """What lies within 180 degrees of longitude `turn`, with that taken away."""
    part = shapely.intersection(shape, shapely.box(turn - 180, -90, turn + 180, 90))
    return shapely.transform(part, lambda lonlat: lonlat - (turn, 0))


def is_box(area: BaseGeometry) -> bool:
    return isinstance(area, shapely.Polygon) and bool(shapely.equals(area, shapely.box(*area.bounds)))


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise CatalogError(f"{path} is not a file: give a GeoJSON file with a Polygon or MultiPolygon")
        if path.stat().st_size > MAX_BYTES:
            raise CatalogError(f"{path} has more than {MAX_BYTES >> 20} MiB: simplify the polygon")
        return path.read_bytes()
    except FileNotFoundError:
        raise CatalogError(f"no area at {path}: give a GeoJSON file with a Polygon or MultiPolygon") from None
    except CatalogError:
        raise
    except OSError as error:
        raise CatalogError(f"{path} cannot be read as GeoJSON: {error.strerror}") from None
    except ValueError as error:
        raise CatalogError(f"{path} is no path: {error}") from None


def _geometries(document: Any, path: str) -> Iterator[Any]:
    if not isinstance(document, dict):
        yield document
        return
    for member in CRS_MEMBERS:
        _check_crs(document.get(member), path)
    kind = document.get("type")
    members = document.get({"FeatureCollection": "features", "GeometryCollection": "geometries"}.get(str(kind), ""))
    if isinstance(members, list):
        for part in members:
            yield from _geometries(part, path)
    elif kind == "Feature":
        yield from _geometries(document.get("geometry"), path)
    else:
        yield document


def _check_crs(crs: Any, path: str) -> None:
    """Raises CatalogError unless a `crs` (GeoJSON of 2008) or `coordRefSys` (JSON-FG) is WGS 84, longitude first."""
    facts = crs.get("properties", crs) if isinstance(crs, Mapping) else crs
    name = facts.get("name", facts.get("code", facts)) if isinstance(facts, Mapping) else facts
    if name is None or LONGITUDE_FIRST.fullmatch(str(name).strip()):
        return
    if LATITUDE_FIRST.fullmatch(str(name).strip()):
        raise CatalogError(
            f"{path} has the CRS {name}, whose axes are latitude, longitude, but a GeoJSON area is in longitude, "
            "latitude (RFC 7946): write it so, without a crs"
        )
    raise CatalogError(
        f"{path} is in the CRS {str(name)!r:.80}, but a GeoJSON area is in longitude and latitude: reproject it, such "
        "as by `ogr2ogr -t_srs EPSG:4326 -lco RFC7946=YES`"
    )


def _shape(geometry: Any, path: str) -> BaseGeometry:
    try:
        return shapely.force_2d(shapely.from_geojson(json.dumps(geometry)))
    except (TypeError, ValueError, shapely.errors.GEOSException) as error:
        raise CatalogError(
            f"{path} has a geometry that is not GeoJSON: {json.dumps(geometry):.80} ({error!s:.80})"
        ) from None


def _checked(shape: BaseGeometry, name: str) -> BaseGeometry:
    if not isinstance(shape, shapely.Polygon | shapely.MultiPolygon) or shape.is_empty:
        raise CatalogError(f"{name} is {shape.geom_type}, but it must be a Polygon or MultiPolygon that is not empty")
    coordinates = shapely.get_coordinates(shape)
    lon, lat = abs(coordinates).max(axis=0)
    if not (lon <= 360 and lat <= 180):
        raise CatalogError(
            f"{name} has coordinates as large as {max(lon, lat):g}, but longitudes and latitudes are degrees: if they "
            "are metres of a CRS, reproject them"
        )
    if lat > 90:
        raise CatalogError(f"{name} has latitude {lat:g}, beyond 90: give longitude, latitude, in this order")
    if lon > 180:
        raise CatalogError(f"{name} reaches beyond longitude +-180; cut it at the antimeridian and give both parts")
    valid = shapely.make_valid(shape, method="structure", keep_collapsed=False)
    if valid.area == 0:
        raise CatalogError(f"{name} covers no ground; give a Polygon with some area")
    return valid

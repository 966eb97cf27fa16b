"""The route that sums the classes of an area."""

import asyncio
import json
from typing import Annotated, Any

import shapely
from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import HTTPException
from shapely.geometry.base import BaseGeometry
from starlette.requests import ClientDisconnect

from catalogs.errors import CatalogError
from pipeline.console.output import to_json
from pipeline.errors import UserError
from pipeline.geometry.project import box_of
from pipeline.serve.areas import areas_of
from pipeline.serve.query_routes import JSON
from pipeline.serve.server import Limits, Server
from pipeline.serve.tile_routes import Period, Version

KINDS = ("Polygon", "MultiPolygon")
BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["type", "coordinates"],
                "properties": {"type": {"enum": list(KINDS)}, "coordinates": {"type": "array"}},
                "example": {
                    "type": "Polygon",
                    "coordinates": [[[11.9, 48.5], [12.0, 48.5], [12.0, 48.6], [11.9, 48.5]]],
                },
            }
        }
    },
}
"""In the words of OpenAPI."""
BBOX = "west,south,east,north in degrees; west > east across the antimeridian"


def area_routes(server: Server) -> APIRouter:
    routes = APIRouter(tags=["queries"])

    @routes.get("/areas")
    async def of_box(
        bbox: Annotated[str, Query(max_length=200, description=BBOX)],
        version: Version = None,
        period: Period = None,
    ) -> Response:
        """Square kilometres and share of each class in a box."""
        return await _answer(server, _box(bbox), version, period)

    @routes.post("/areas", openapi_extra={"requestBody": BODY})
    async def of_polygon(request: Request, version: Version = None, period: Period = None) -> Response:
        """Square kilometres and share of each class in the body, a GeoJSON polygon or multipolygon in degrees."""
        return await _answer(server, _polygon(await _body(request, server.limits), server.limits), version, period)

    return routes


async def _answer(server: Server, area: BaseGeometry, version: str | None, period: str | None) -> Response:
    def summed() -> str:
        shown = server.maps.map(version)
        return to_json(areas_of(server.maps.cube, shown, shown.period(period), area))

    content = await server.workers.run(summed)
    return Response(content, media_type=JSON, headers={"Cache-Control": "no-store"})


async def _body(request: Request, limits: Limits) -> Any:
    """The JSON of a request, of which no more is read, and no longer, than may be."""
    content = bytearray()
    try:
        async with asyncio.timeout(limits.upload):
            async for part in request.stream():
                content += part
                if len(content) > limits.body:
                    raise HTTPException(413, f"the body is above {limits.body:,} bytes; give a simpler polygon")
    except ClientDisconnect:
        raise HTTPException(400, "the client went away before the body's end") from None
    except TimeoutError:
        raise HTTPException(408, f"the body took longer than {limits.upload:g} s; send it again, faster") from None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise UserError("the body is no JSON; give a GeoJSON polygon in degrees") from None


def _polygon(document: Any, limits: Limits) -> BaseGeometry:
    if not (isinstance(document, dict) and document.get("type") in KINDS):
        raise UserError("the body must be a GeoJSON geometry of the type Polygon or MultiPolygon, in degrees")
    try:
        area = shapely.from_geojson(json.dumps(document))
    except (shapely.errors.GEOSException, ValueError, TypeError):
        raise UserError("the body's coordinates are no polygon; give rings of [longitude, latitude]") from None
    if shapely.get_num_coordinates(area) > limits.vertices:
        raise UserError(f"the polygon has more than {limits.vertices:,} vertices; simplify it")
    return _checked(area)


def _box(text: str) -> BaseGeometry:
    try:
        west, south, east, north = map(float, text.split(","))
    except ValueError:
        raise UserError(f"bbox is {text!r:.60}; give west,south,east,north in degrees") from None
    try:
        return box_of((west, south, east, north))
    except CatalogError as error:
        raise UserError(str(error)) from None


def _checked(area: BaseGeometry) -> BaseGeometry:
    west, south, east, north = area.bounds
    if not (-360 <= west <= east <= 360 and -90 <= south <= north <= 90):
        raise UserError(
            "an area has longitudes within +-180, or counted on beyond it up to +-360, latitudes within +-90, and is "
            "not empty"
        )
    if not area.is_valid:
        raise UserError(f"the polygon is not valid ({shapely.is_valid_reason(area):.100}); mend it")
    return area

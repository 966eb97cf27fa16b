"""Routes that describe the cube and answer questions about places."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from pipeline.console.output import to_json
from pipeline.serve.describe import describe
from pipeline.serve.server import Server
from pipeline.serve.tile_routes import Version

JSON = "application/json"


def query_routes(server: Server) -> APIRouter:
    routes = APIRouter(tags=["queries"])

    @routes.get("/cube")
    async def cube(version: Version = None) -> Response:
        """Layers, classes, periods and versions of the cube, and what is known of the accuracy of a version."""
        content = await server.workers.run(lambda: to_json(describe(server.maps, version)))
        return Response(content, media_type=JSON, headers={"Cache-Control": "public, no-cache"})

    @routes.get("/point")
    async def at_point(
        request: Request,
        lon: Annotated[float, Query(ge=-180, le=180, allow_inf_nan=False, description="degrees")],
        lat: Annotated[float, Query(ge=-90, le=90, allow_inf_nan=False, description="degrees")],
        version: Version = None,
    ) -> Response:
        """Every period of the pixel under a point, and what its block was made from."""

        def asked(snapshot: str) -> str:
            read = partial(server.chunks.pixels, snapshot)
            return to_json(server.maps.map(snapshot).points.at(lon, lat, read))

        return await server.answer(request, JSON, asked, version)

    return routes

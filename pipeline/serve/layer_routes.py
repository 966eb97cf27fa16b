"""Routes that tell of layers: legends, and the capabilities that GIS programs read."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from pipeline.console.output import to_json
from pipeline.errors import UserError
from pipeline.serve.describe import describe
from pipeline.serve.legend import Legend, legend_of, legend_svg
from pipeline.serve.query_routes import JSON
from pipeline.serve.server import Server
from pipeline.serve.tile_routes import Codes, Palette, Version, codes_of
from pipeline.serve.tiles import LAYERS, layers_of
from pipeline.serve.wmts import capabilities

Named = Annotated[str, Query(max_length=40, description=f"one of {', '.join(LAYERS)}")]


def layer_routes(server: Server) -> APIRouter:
    routes = APIRouter(tags=["layers"])

    def legend(snapshot: str, layer: str, palette: str | None, hide: str | None) -> Legend:
        shown = server.maps.map(snapshot)
        if layer not in layers_of(shown):
            raise UserError(f"the map has no layer {layer!r:.40}; give one of {', '.join(layers_of(shown))}")
        return legend_of(shown, layer, palette, codes_of(hide))

    @routes.get("/legend.json")
    async def legend_json(
        request: Request,
        layer: Named = "landcover",
        version: Version = None,
        palette: Palette = None,
        hide: Codes = None,
    ) -> Response:
        """What the colours of a layer mean."""
        return await server.answer(request, JSON, lambda at: to_json(legend(at, layer, palette, hide)), version)

    @routes.get("/legend.svg", response_class=Response)
    async def legend_picture(
        request: Request,
        layer: Named = "landcover",
        version: Version = None,
        palette: Palette = None,
        hide: Codes = None,
    ) -> Response:
        """What the colours of a layer mean, as a picture."""
        make = lambda at: legend_svg(legend(at, layer, palette, hide))  # noqa: E731
        return await server.answer(request, "image/svg+xml", make, version)

    @routes.get("/wmts", response_class=Response)
    async def wmts(request: Request, version: Version = None) -> Response:
        """Capabilities of WMTS 1.0.0, whose layers have tiles at addresses (REST)."""
        base = str(request.base_url)

        def told(snapshot: str) -> str:
            return capabilities(server.maps.map(snapshot), base, describe(server.maps, snapshot).name)

        return await server.answer(request, "application/xml", told, version)

    return routes

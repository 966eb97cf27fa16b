"""Routes of tiles."""

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request, Response

from pipeline.analysis.colours import BRIGHTEST
from pipeline.console.output import to_json
from pipeline.errors import UserError
from pipeline.serve.mercator import DEEPEST, Tile
from pipeline.serve.server import Server
from pipeline.serve.tiles import LAYERS, Style, draw, layers_of, zooms

FURTHEST = 1e30
"""From 0, of a value of a stretch: what is reckoned with it stays within float32."""
Layer = Annotated[str, Path(max_length=40, description=f"one of {', '.join(LAYERS)}")]
Version = Annotated[str | None, Query(max_length=100, description="an id or a tag; default: the newest version")]
Period = Annotated[str | None, Query(max_length=100, description="first day of a period; default: the latest")]
Codes = Annotated[str | None, Query(max_length=1200, description="codes of classes that are not shown, such as 3,4")]
Palette = Annotated[Literal["safe"] | None, Query(description="safe: colours for the colour-blind")]


def tile_routes(server: Server) -> APIRouter:
    routes = APIRouter(tags=["tiles"])

    @routes.get("/tiles/{layer}/{z}/{x}/{y}.png", response_class=Response)
    async def tile(
        request: Request,
        layer: Layer,
        z: Annotated[int, Path(ge=0, le=DEEPEST)],
        x: Annotated[int, Path(ge=0, lt=2**DEEPEST)],
        y: Annotated[int, Path(ge=0, lt=2**DEEPEST)],
        version: Version = None,
        period: Period = None,
        from_version: Version = None,
        from_period: Period = None,
        hide: Codes = None,
        palette: Palette = None,
        stretch: Annotated[
            str | None,
            Query(
                max_length=40,
                description=f"values of black and white; default: 0,{BRIGHTEST} of reflectance, 0,255 of grey values, "
                "of other units nearly all values of the map",
            ),
        ] = None,
    ) -> Response:
        """A tile of 256 x 256 pixels of Web Mercator (XYZ)."""
        at, style = Tile(z, x, y), Style(codes_of(hide), palette, _stretch(stretch))
        compares = layer == "difference"
        if compares and from_version is None and from_period is None:
            raise UserError("layer difference compares two maps; give from_version, from_period or both")

        def drawn(snapshot: str, *older: str) -> bytes:
            shown = server.maps.map(snapshot)
            if layer not in layers_of(shown):
                raise UserError(f"the map has no layer {layer!r:.40}; give one of {', '.join(layers_of(shown))}")
            day = shown.period(period)
            before = [(old, old.period(from_period or str(day))) for old in map(server.maps.map, older)]
            return draw(server.chunks, shown, day, layer, at, style, *before)

        named = (version, from_version or version) if compares else (version,)
        return await server.answer(request, "image/png", drawn, *named)

    @routes.get("/tiles/{layer}/tile.json")
    async def tile_json(request: Request, layer: Layer, version: Version = None, period: Period = None) -> Response:
        """TileJSON 3.0 of a layer: the address of its tiles, its zooms and its bounds in degrees."""
        base = str(request.base_url)

        def described(snapshot: str) -> str:
            shown = server.maps.map(snapshot)
            if layer not in layers_of(shown):
                raise UserError(f"the map has no layer {layer!r:.40}; give one of {', '.join(layers_of(shown))}")
            least, deepest = zooms(shown, layer)
            query = urlencode({"version": snapshot, "period": str(shown.period(period))})
            tiles = f"{base}tiles/{layer}/{{z}}/{{x}}/{{y}}.png?{query}"
            west, south, east, north = shown.bounds
            return to_json(
                {
                    "tilejson": "3.0.0",
                    "name": layer,
                    "tiles": [tiles],
                    "minzoom": least,
                    "maxzoom": deepest,
                    "bounds": [west, south, east, north],
                }
            )

        return await server.answer(request, "application/json", described, version)

    return routes


def codes_of(text: str | None) -> frozenset[int]:
    """The class codes of a list with commas. Raises UserError."""
    try:
        return frozenset(int(code) for code in (text or "").split(",") if code)
    except ValueError:
        raise UserError(f"hide is {text!r:.40}; give codes of classes, such as 3,4") from None


def _stretch(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        darkest, brightest = map(float, text.split(","))
        if not (darkest >= -FURTHEST and brightest <= FURTHEST and brightest - darkest >= 0.001):
            raise ValueError
    except ValueError:
        raise UserError(
            f"stretch is {text!r:.40}; give two values that rise, such as 0,{BRIGHTEST} of reflectance, within "
            f"+-{FURTHEST:g}"
        ) from None
    return darkest, brightest

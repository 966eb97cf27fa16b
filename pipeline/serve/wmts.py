"""What the service has, in the words of WMTS 1.0.0 (OGC 07-057r7): capabilities with addresses of tiles."""

from html import escape

from pipeline.serve.maps import Map
from pipeline.serve.mercator import HALF, SIDE, tile_at
from pipeline.serve.tiles import layers_of, zooms

PIXEL = 0.00028
"""Metres of a pixel of the standard, by which a scale denominator is reckoned."""
SCHEMES = (
    'xmlns="http://www.opengis.net/wmts/1.0" xmlns:ows="http://www.opengis.net/ows/1.1" '
    'xmlns:xlink="http://www.w3.org/1999/xlink"'
)
GRID = "GoogleMapsCompatible"


def capabilities(shown: Map, base: str, title: str) -> str:
    """All layers but `difference`, which needs a second version. base: address of the service, with a slash."""
    layers = [name for name in layers_of(shown) if name != "difference"]
    at = escape(f"{base}wmts?version={shown.version}")
    deepest = max(zooms(shown, name)[1] for name in layers)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Capabilities {SCHEMES} version="1.0.0">'
        f"<ows:ServiceIdentification><ows:Title>{escape(title)}</ows:Title><ows:ServiceType>OGC WMTS</ows:ServiceType>"
        "<ows:ServiceTypeVersion>1.0.0</ows:ServiceTypeVersion></ows:ServiceIdentification>"
        '<ows:OperationsMetadata><ows:Operation name="GetCapabilities"><ows:DCP><ows:HTTP>'
        f'<ows:Get xlink:href="{escape(base)}wmts"><ows:Constraint name="GetEncoding"><ows:AllowedValues>'
        "<ows:Value>REST</ows:Value></ows:AllowedValues></ows:Constraint></ows:Get>"
        "</ows:HTTP></ows:DCP></ows:Operation></ows:OperationsMetadata>"
        f"<Contents>{''.join(_layer(shown, base, name) for name in layers)}"
        f"<TileMatrixSet><ows:Identifier>{GRID}</ows:Identifier>"
        "<ows:SupportedCRS>urn:ogc:def:crs:EPSG::3857</ows:SupportedCRS>"
        f"<WellKnownScaleSet>urn:ogc:def:wkss:OGC:1.0:{GRID}</WellKnownScaleSet>"
        f"{''.join(_matrix(z) for z in range(deepest + 1))}</TileMatrixSet></Contents>"
        f'<ServiceMetadataURL xlink:href="{at}"/></Capabilities>'
    )


def _layer(shown: Map, base: str, name: str) -> str:
    west, south, east, north = shown.bounds
    if west > east:
        west, east = -180.0, 180.0
    least, deepest = zooms(shown, name)
    days = [str(first) for first, _ in shown.periods]
    tiles = escape(
        f"{base}tiles/{name}/{{TileMatrix}}/{{TileCol}}/{{TileRow}}.png?version={shown.version}&period={{Time}}"
    )
    legend = escape(f"{base}legend.svg?layer={name}&version={shown.version}")
    limits = "".join(
        "<TileMatrixLimits>"
        f"<TileMatrix>{z}</TileMatrix><MinTileRow>{first.y}</MinTileRow><MaxTileRow>{last.y}</MaxTileRow>"
        f"<MinTileCol>{first.x}</MinTileCol><MaxTileCol>{last.x}</MaxTileCol></TileMatrixLimits>"
        for z in range(least, deepest + 1)
        for first, last in [(tile_at(z, west, north), tile_at(z, east, south))]
    )
    return (
        f"<Layer><ows:Title>{name}</ows:Title><ows:WGS84BoundingBox><ows:LowerCorner>{west} {south}</ows:LowerCorner>"
        f"<ows:UpperCorner>{east} {north}</ows:UpperCorner></ows:WGS84BoundingBox>"
        f'<ows:Identifier>{name}</ows:Identifier><Style isDefault="true"><ows:Identifier>default</ows:Identifier>'
        f'<LegendURL format="image/svg+xml" xlink:href="{legend}"/></Style><Format>image/png</Format>'
        f"<Dimension><ows:Identifier>Time</ows:Identifier><Default>{days[-1]}</Default>"
        f"{''.join(f'<Value>{day}</Value>' for day in days)}</Dimension>"
        f"<TileMatrixSetLink><TileMatrixSet>{GRID}</TileMatrixSet><TileMatrixSetLimits>{limits}</TileMatrixSetLimits>"
        f'</TileMatrixSetLink><ResourceURL format="image/png" resourceType="tile" template="{tiles}"/></Layer>'
    )


def _matrix(z: int) -> str:
    side, scale = 2**z, 2 * HALF / 2**z / SIDE / PIXEL
    return (
        f"<TileMatrix><ows:Identifier>{z}</ows:Identifier><ScaleDenominator>{scale!r}</ScaleDenominator>"
        f"<TopLeftCorner>{-HALF!r} {HALF!r}</TopLeftCorner><TileWidth>{SIDE}</TileWidth><TileHeight>{SIDE}</TileHeight>"
        f"<MatrixWidth>{side}</MatrixWidth><MatrixHeight>{side}</MatrixHeight></TileMatrix>"
    )

"""The tiles of a small region, as a page without a server holds them."""

import base64
import zlib
from collections.abc import Iterator, Sequence
from datetime import date
from io import BytesIO
from itertools import product

from PIL import Image

from pipeline.errors import UserError
from pipeline.export.target import Progress
from pipeline.serve.chunks import Chunks
from pipeline.serve.maps import Map
from pipeline.serve.mercator import Tile, positions, tile_at
from pipeline.serve.server import CACHE_BYTES
from pipeline.serve.tiles import Style, codes_under, draw_mosaic

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees; west > east across the antimeridian."""
QUALITY = 85
"""Of WebP."""


def part_of(bounds: Box, bbox: Box | None) -> Box:
    """What a box and the bounds of a region share, either side of the antimeridian. Raises UserError for nothing."""
    if bbox is None:
        return bounds
    (west, south, east, north), (left, bottom, right, top) = bounds, bbox
    if not (-180 <= left < right <= 180 and -90 <= bottom < top <= 90):
        raise UserError("--bbox is west,south,east,north in degrees: west less than east, south less than north")
    east += 360 * (east < west)
    turn = 360 * (right < west)
    west, south, east, north = max(west, left + turn), max(south, bottom), min(east, right + turn), min(north, top)
    if west >= east or south >= north:
        there = ",".join(f"{side:.4f}" for side in bounds)
        raise UserError(f"--bbox lies outside the region, whose bounds are {there}")
    return west - 360 * (west > 180), south, east - 360 * (east > 180), north


def tiles_of(box: Box, deepest: int) -> Iterator[Tile]:
    """The tiles of a box, from the deepest zoom up to the first at which the box is narrower than half a tile."""
    west, south, east, north = box
    width = (east - west) % 360 or 360.0
    for z in range(deepest, -1, -1):
        first, last = tile_at(z, west, north), tile_at(z, east, south)
        columns = range(first.x, last.x + 1 + 2**z * (east < west))
        yield from (Tile(z, x % 2**z, y) for y in range(first.y, last.y + 1) for x in columns)
        if width * 2**z < 180 and last.y - first.y < 2:
            return


def kept_tiles(
    shown: Map,
    layers: Sequence[str],
    periods: Sequence[date],
    tiles: Sequence[Tile],
    box: Box,
    progress: Progress | None,
) -> dict[str, dict[str, dict[str, str]]]:
    """Layer -> period -> "z/x/y" -> its tile in base64, codes deflated, a mosaic as WebP; none without data."""
    chunks = Chunks(CACHE_BYTES)
    held: dict[str, dict[str, dict[str, str]]] = {name: {str(day): {} for day in periods} for name in layers}
    for done, tile in enumerate(tiles, start=1):
        where = positions(tile, shown.layout.extent, box)
        for name, day in product(layers, periods):
            if where is not None:
                if name == "mosaic":
                    content = _webp(draw_mosaic(chunks, shown, day, name, where, Style()))
                else:
                    code_HW = codes_under(chunks, shown, day, name, where)
                    content = zlib.compress(code_HW.tobytes(), 9) if code_HW.any() else b""
                if content:
                    held[name][str(day)][f"{tile.z}/{tile.x}/{tile.y}"] = in_base64(content)
        if progress is not None:
            progress(done, len(tiles), "tiles")
    return held


def _webp(png: bytes) -> bytes:
    out, picture = BytesIO(), Image.open(BytesIO(png)).convert("RGBA")
    if picture.getchannel("A").getextrema()[1] == 0:
        return b""
    picture.save(out, "webp", quality=QUALITY)
    return out.getvalue()


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()

"""Image tiles: four to a region, each on the grid of its own UTM zone, overlapping their neighbours."""

from dataclasses import dataclass

import numpy as np
from affine import Affine
from pyproj import Transformer

from catalogs.simulated.landscape import CRS
from catalogs.simulated.noise import Bounds
from catalogs.simulated.overpass import QUADRANTS, Quadrant

LAP_METRES = 500.0
SNAP_METRES = 60
PIXEL_METRES = 10
COLUMN_LETTERS = ("ABCDEFGH", "JKLMNPQR", "STUVWXYZ")
ROW_LETTERS = "ABCDEFGHJKLMNPQRSTUV"
BAND_LETTERS = "CDEFGHJKLMNPQRSTUVWX"


@dataclass(frozen=True)
class Tile:
    """A tile's MGRS-like name, UTM zone and bounds in metres of that zone, multiples of 60 m."""

    name: str
    quadrant: Quadrant
    zone: int
    bounds: tuple[int, int, int, int]

    @property
    def epsg(self) -> int:
        return 32600 + self.zone

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns at 10 m."""
        west, south, east, north = self.bounds
        return (north - south) // PIXEL_METRES, (east - west) // PIXEL_METRES

    def transform(self, metres: int = PIXEL_METRES) -> Affine:
        return Affine(metres, 0, self.bounds[0], 0, -metres, self.bounds[3])


def lay_tiles(bounds: Bounds) -> tuple[Tile, ...]:
    """Four tiles that together cover `bounds` (EPSG:3035), the western and eastern pair each in the zone of its edge.

    Names have the zone, latitude band and 100 km square of the southern tile's corner as MGRS has them; a northern
    tile takes the next row letter and, where both pairs lie in one zone, the eastern pair the next column letter.
    """
    west, south, east, north = bounds
    middle_x, middle_y = (west + east) / 2, (south + north) / 2
    part = {
        "SW": (west, south, middle_x + LAP_METRES, middle_y + LAP_METRES),
        "NW": (west, middle_y - LAP_METRES, middle_x + LAP_METRES, north),
        "SE": (middle_x - LAP_METRES, south, east, middle_y + LAP_METRES),
        "NE": (middle_x - LAP_METRES, middle_y - LAP_METRES, east, north),
    }
    to_lonlat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    zones = [int((to_lonlat.transform(x, middle_y)[0] + 180) // 6) + 1 for x in (west, east)]
    zone = {quadrant: zones[quadrant[1] == "E"] for quadrant in QUADRANTS}
    utm = {quadrant: _snapped(zone[quadrant], part[quadrant]) for quadrant in QUADRANTS}
    band = BAND_LETTERS[int((to_lonlat.transform(middle_x, middle_y)[1] + 80) // 8)]
    tiles = []
    for quadrant in QUADRANTS:
        southern: Quadrant = "SE" if quadrant[1] == "E" else "SW"
        number = zone[quadrant]
        column = utm[southern][0] // 100_000 - 1 + (quadrant[1] == "E" and zones[0] == zones[1])
        row = utm[southern][1] // 100_000 + 5 * (number % 2 == 0) + (quadrant[0] == "N")
        square = COLUMN_LETTERS[(number - 1) % 3][column % 8] + ROW_LETTERS[row % 20]
        tiles.append(Tile(f"{number:02d}{band}{square}", quadrant, number, utm[quadrant]))
    return tuple(tiles)


def envelope(tiles: tuple[Tile, ...]) -> Bounds:
    """Bounds (EPSG:3035, multiples of 10 m) that hold every tile."""
    sides = []
    for tile in tiles:
        to_land = Transformer.from_crs(f"EPSG:{tile.epsg}", CRS, always_xy=True)
        sides.append(to_land.transform_bounds(*tile.bounds))
    low_2, high_2 = np.min(sides, axis=0)[:2], np.max(sides, axis=0)[2:]
    step = PIXEL_METRES
    west, south = np.floor(low_2 / step - 1) * step
    east, north = np.ceil(high_2 / step + 1) * step
    return float(west), float(south), float(east), float(north)


def _snapped(zone: int, bounds: Bounds) -> tuple[int, int, int, int]:
    to_zone = Transformer.from_crs(CRS, f"EPSG:{32600 + zone}", always_xy=True)
    west, south, east, north = (edge / SNAP_METRES for edge in to_zone.transform_bounds(*bounds))
    edges = np.array([np.floor(west), np.floor(south), np.ceil(east), np.ceil(north)]) * SNAP_METRES
    return int(edges[0]), int(edges[1]), int(edges[2]), int(edges[3])

"""The UTM zone of a box."""

from catalogs.area import Bounds
from pipeline.errors import UserError

SOUTHEND, NORTHEND = -80.0, 84.0
WIDEST = 12.0
"""Degrees: a box as wide as two zones reaches half a zone beyond its own, where scale is still within 0.5 %."""


def utm_of(bbox: Bounds) -> tuple[str, tuple[int, ...]]:
    """The zone of a box's centre as EPSG code, and the numbers of all zones that the box touches from west to east.

    bbox: west, south, east, north in degrees, west > east across the antimeridian. The exceptions of Norway and
    Svalbard are not made. Raises UserError for a box wider than two zones or beyond the latitudes of UTM.
    """
    west, south, east, north = bbox
    width = (east - west) % 360 or 360.0
    if width > WIDEST:
        raise UserError(
            f"the box is {width:g} degrees wide, more than two UTM zones; name a grid by --crs, such as europe"
        )
    if south < SOUTHEND or north > NORTHEND:
        raise UserError(
            f"the box reaches from {south:g} to {north:g} degrees, beyond UTM ({SOUTHEND:g} to {NORTHEND:g}); "
            "name a projected CRS by --crs, such as EPSG:3413"
        )
    first, last = int((west + 180) // 6), int(-(-(west + width + 180) // 6))
    centre = int((west + width / 2 + 180) // 6) % 60 + 1
    hemisphere = 326 if (south + north) / 2 >= 0 else 327
    return f"EPSG:{hemisphere}{centre:02d}", tuple(zone % 60 + 1 for zone in range(first, max(last, first + 1)))

"""The six ESA WorldCover classes the simulated world consists of (WorldCover product user manual v2.0, table 2)."""

from typing import TypedDict


class LandCoverClass(TypedDict):
    code: int
    name: str
    color: str


TREE, GRASS, CROP, BUILT, BARE, WATER = 10, 30, 40, 50, 60, 80

WORLDCOVER: list[LandCoverClass] = [
    {"code": TREE, "name": "Tree cover", "color": "#006400"},
    {"code": GRASS, "name": "Grassland", "color": "#ffff4c"},
    {"code": CROP, "name": "Cropland", "color": "#f096ff"},
    {"code": BUILT, "name": "Built-up", "color": "#fa0000"},
    {"code": BARE, "name": "Bare / sparse vegetation", "color": "#b4b4b4"},
    {"code": WATER, "name": "Permanent water bodies", "color": "#0064c8"},
]

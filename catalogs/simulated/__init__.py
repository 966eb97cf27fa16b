"""A simulated world with known truth: a landscape, Sentinel-2-like scenes of it, and their STAC catalog."""

from catalogs.simulated.classes import WORLDCOVER
from catalogs.simulated.landscape import Landscape, LandscapeError, landscape, truth
from catalogs.simulated.overpass import DEFAULT_DATES, Overpass, OverpassError
from catalogs.simulated.server import ServerError, serve
from catalogs.simulated.world import World, WorldError, acquire, open_world, simulate

__all__ = [
    "DEFAULT_DATES",
    "WORLDCOVER",
    "Landscape",
    "LandscapeError",
    "Overpass",
    "OverpassError",
    "ServerError",
    "World",
    "WorldError",
    "acquire",
    "landscape",
    "open_world",
    "serve",
    "simulate",
    "truth",
]

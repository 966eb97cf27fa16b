"""A simulated world with known truth: a landscape, Sentinel-2-like scenes of it, and their STAC catalog."""

from catalogs.simulated.classes import WORLDCOVER
from catalogs.simulated.history import Change, History, HistoryError, Span
from catalogs.simulated.landscape import Landscape, LandscapeError, landscape, truth
from catalogs.simulated.overpass import DEFAULT_DATES, Overpass, OverpassError
from catalogs.simulated.server import ServerError, serve
from catalogs.simulated.world import World, WorldError, acquire, add_history, open_world, simulate, truths
from catalogs.simulated.year import Evening, catalog_on, publish, simulate_year

__all__ = [
    "DEFAULT_DATES",
    "WORLDCOVER",
    "Change",
    "Evening",
    "History",
    "HistoryError",
    "Landscape",
    "LandscapeError",
    "Overpass",
    "OverpassError",
    "ServerError",
    "Span",
    "World",
    "WorldError",
    "acquire",
    "add_history",
    "catalog_on",
    "landscape",
    "open_world",
    "publish",
    "serve",
    "simulate",
    "simulate_year",
    "truth",
    "truths",
]

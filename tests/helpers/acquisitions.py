"""Passes after those of the world that tests map."""

from catalogs.simulated import Overpass

LATER = (
    Overpass("2024-08-03", "sentinel-2a", "05.11", cloudiness=0.05, swath_edge=0.3),
    Overpass("2024-08-08", "sentinel-2b", "05.11", cloudiness=0.1, swath_edge=0.3),
)

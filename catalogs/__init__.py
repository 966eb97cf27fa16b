"""STAC in, scenes out: search, harmonise, select, keep, publish."""

from catalogs.errors import CatalogError, CatalogUnavailable
from catalogs.items.harmonise import Doubt
from catalogs.items.mask import MaskChoice, MaskRule
from catalogs.passes import Passes, passes
from catalogs.query import Query
from catalogs.scene import Asset, Scene, read_scene, read_scenes, settled
from catalogs.search import ROLES, Found, choose, find, scenes, search, search_items
from catalogs.select import Selection

__all__ = [
    "ROLES",
    "Asset",
    "CatalogError",
    "CatalogUnavailable",
    "Doubt",
    "Found",
    "MaskChoice",
    "MaskRule",
    "Passes",
    "Query",
    "Scene",
    "Selection",
    "choose",
    "find",
    "passes",
    "read_scene",
    "read_scenes",
    "scenes",
    "search",
    "search_items",
    "settled",
]

"""STAC in, scenes out: search, harmonise, select, keep, publish."""

from catalogs.errors import CatalogError
from catalogs.harmonise import Doubt
from catalogs.mask import MaskChoice, MaskRule
from catalogs.scene import Asset, Scene, read_scene, read_scenes, settled
from catalogs.search import ROLES, Query, scenes, search, search_items

__all__ = [
    "ROLES",
    "Asset",
    "CatalogError",
    "Doubt",
    "MaskChoice",
    "MaskRule",
    "Query",
    "Scene",
    "read_scene",
    "read_scenes",
    "scenes",
    "search",
    "search_items",
    "settled",
]

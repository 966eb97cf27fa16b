"""STAC in, scenes out: search, harmonise, select, keep, publish."""

from catalogs.errors import CatalogError
from catalogs.scene import Asset, Scene
from catalogs.search import ROLES, Query, scenes, search, search_items

__all__ = ["ROLES", "Asset", "CatalogError", "Query", "Scene", "scenes", "search", "search_items"]

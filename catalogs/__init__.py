"""STAC: search, harmonise and select scenes, keep scene lists, publish items."""

from catalogs.comparison import Comparison
from catalogs.errors import CatalogError, CatalogUnavailable
from catalogs.items.harmonise import Doubt
from catalogs.items.mask import MaskAsset, MaskFiles, MaskRule
from catalogs.passes import PassCount, count_passes
from catalogs.query import Query
from catalogs.scene import Asset, Scene, read_scene, read_scenes, resolve_offset
from catalogs.search import ROLES, SearchResult, scenes, search, search_items, search_with_refusals, select_from_items
from catalogs.select import Selection

__all__ = [
    "ROLES",
    "Asset",
    "CatalogError",
    "CatalogUnavailable",
    "Comparison",
    "Doubt",
    "MaskAsset",
    "MaskFiles",
    "MaskRule",
    "PassCount",
    "Query",
    "Scene",
    "SearchResult",
    "Selection",
    "count_passes",
    "read_scene",
    "read_scenes",
    "resolve_offset",
    "scenes",
    "search",
    "search_items",
    "search_with_refusals",
    "select_from_items",
]

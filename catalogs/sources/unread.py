"""Assets that no shipped provider reads, which an API with the fields extension is asked to leave out of its items.

They are two fifths of an item of Earth Search v1, a seventh of one of Planetary Computer (15 and 45 items, JSON). All
other assets stay, also those that no band of the model needs: the list is kept for years, and another mask, model or
version may read them.
"""

from collections.abc import Collection
from typing import Any

PARTS = (
    "type",
    "stac_version",
    "stac_extensions",
    "id",
    "collection",
    "geometry",
    "bbox",
    "properties",
    "assets",
    "links",
)
"""Of an item, all of them: some servers take what is not named for left out as soon as one field is."""

PICTURES = ("thumbnail", "overview", "preview", "rendered_preview", "reduced_resolution_browse", "browse", "tilejson")
DOCUMENTS = (
    "info",
    "metadata",
    *(f"{name}{mark}metadata" for mark in "_-" for name in ("granule", "product", "tileinfo", "datastrip", "inspire")),
    "safe_manifest",
    "safe-manifest",
)
JP2_COPIES = tuple(
    f"{name}-jp2"
    for name in (
        *("coastal", "blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08", "nir09", "swir16"),
        *("swir22", "aot", "scl", "visual", "wvp"),
    )
)
"""Of Earth Search, beside each COG."""
UNREAD = frozenset((*PICTURES, *DOCUMENTS, *JP2_COPIES))


def without_unread(read: Collection[str]) -> dict[str, Any]:
    """The parameter of a search that leaves out the unread assets, but for those with the keys `read`."""
    return {"fields": {"include": list(PARTS), "exclude": [f"assets.{key}" for key in sorted(UNREAD - set(read))]}}


def has_parts(item: Any) -> bool:
    """Whether an item that a server gave by `without_unread` still has what a search reads."""
    return not isinstance(item, dict) or {"id", "collection", "geometry", "properties", "assets"} <= item.keys()

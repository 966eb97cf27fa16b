"""sample.py: the first items of a collection, of each kind of catalog."""

import pytest
from made_items import made_catalog, made_item

from catalogs import CatalogError
from catalogs.sample import first_items


def test_a_static_catalog_gives_its_first_items(tmp_path):
    folder = made_catalog(tmp_path / "made", [made_item(f"item-{number}") for number in range(5)])
    assert len(first_items(str(folder), "sentinel-2-l2a", 3)) == 3
    with pytest.raises(CatalogError, match="gives no items of 'naip'"):
        first_items(str(folder), "naip")

import json
from datetime import UTC, datetime

import pytest
from made_items import made_item

import catalogs
from catalogs import CatalogError, CatalogUnavailable, Query, scenelist


def query(catalog):
    period = datetime(2023, 8, 1, tzinfo=UTC), datetime(2023, 8, 31, tzinfo=UTC)
    return Query(str(catalog), "sentinel-2-l2a", (15.2, 46.2, 15.4, 46.4), *period)


def ids(items):
    return [item["id"] for item in items]


def test_a_list_of_items_in_a_file_is_searched(tmp_path):
    near, far = made_item("near", hrefs="./data/"), made_item("far", bounds=(20, 46, 21, 47))
    for suffix in (".ndjson", ".jsonl", ".geojsonl"):
        path = tmp_path / f"items{suffix}"
        path.write_text("\n".join(json.dumps(item) for item in (near, far)) + "\n\n")
        (found,) = catalogs.search_items(query(path))
        assert found["id"] == "near"
        assert found["assets"]["blue"]["href"] == str(tmp_path / "data" / "B02.tif")
    scenelist.write(tmp_path / "items.parquet", [near, far])
    assert ids(catalogs.search_items(query(tmp_path / "items.parquet"))) == ["near"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}\n{", "line 2 of .* is not JSON"),
        ("[]", "line 1 of .* must be an object"),
    ],
)
def test_a_list_that_is_none_is_named(tmp_path, text, said):
    (tmp_path / "items.ndjson").write_text(text)
    with pytest.raises(CatalogError, match=said):
        catalogs.search_items(query(tmp_path / "items.ndjson"))


@pytest.mark.parametrize("name", ["items.ndjson", "items.parquet"])
def test_a_list_that_is_not_there_may_come_back(tmp_path, name):
    with pytest.raises(CatalogUnavailable, match=f"no list of items at .*{name}"):
        catalogs.search_items(query(tmp_path / name))

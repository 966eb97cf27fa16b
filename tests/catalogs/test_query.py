from datetime import UTC, datetime

import pytest
import shapely
from august_query import query

from catalogs import CatalogError


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"area": (15.0, 46.0, 16.0)}, "four finite numbers"),
        ({"area": (15.0, 46.0, float("nan"), 47.0)}, "four finite numbers"),
        ({"area": (15.0, 47.0, 16.0, 46.0)}, "south < north"),
        ({"area": (175.0, -20.0, 190.0, -10.0)}, r"longitudes lie within \+-180"),
        ({"area": (175.0, -20.0, 175.0, -10.0)}, "west and east 175.0, but they must differ"),
        ({"area": shapely.Point(1, 2)}, "it must be a Polygon or MultiPolygon"),
        ({"area": shapely.box(175, -20, 190, -10)}, r"beyond longitude \+-180"),
        ({"start": datetime(2023, 8, 1)}, "start is 2023-08-01T00:00:00, but it needs a time zone"),
        ({"start": datetime(2024, 8, 1, tzinfo=UTC)}, "is after end"),
        ({"max_cloud": 120.0}, "max_cloud is 120.0"),
        ({"months": (0,)}, "months has 0, but a month is a whole number from 1 to 12"),
        ({"months": (5, 13)}, "months has 13"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(changes, said):
    with pytest.raises(CatalogError, match=said):
        query("catalog", **changes)


@pytest.mark.parametrize(
    ("catalog", "said"),
    [
        ("https://[bad", "'https://.bad' is not an address"),
        ("https://example.org:99999/v1", "is not an address"),
        ("https:///v1", "'https:///v1' is not an address"),
        ("data\x00.ndjson", "is not an address"),
        ("x" * 5000, "cannot be read: File name too long"),
        ("/" + "x/" * 2500 + "items.parquet", "cannot be read: File name too long"),
        (
            "https://someone:secret@example.org/v1",
            r"catalog at 'example\.org/v1' has a user name or password in its URL",
        ),
        ("https://secret@example.org/v1", "has a user name or password in its URL"),
        (" https://someone:secret@example.org/v1", "has a user name or password in its URL"),
        ("//someone:secret@example.org/v1", "has a user name or password in its URL"),
        ("https://someone:secret@[bad/v1", "'.bad/v1' is not an address"),
        ("https://someone:s\necret@example.org/v1", "is not an address"),
    ],
)
def test_an_address_that_is_none_is_refused_in_one_short_sentence_without_its_password(catalog, said):
    with pytest.raises(CatalogError, match=said) as refused:
        query(catalog)
    assert len(str(refused.value)) < 250
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "someone" not in str(refused.value)

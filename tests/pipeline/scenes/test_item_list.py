"""The name of a query's list, the items in it, and what could not be parsed."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import shapely

from catalogs import Query
from catalogs.comparison import Comparison
from catalogs.errors import CatalogError
from pipeline.scenes.item_list import list_name, read_items, read_refusals, write_refusals
from pipeline.storage.files import files_at

AREA = shapely.from_wkt("POLYGON ((12 47, 13 47, 12.5 48, 12 47))")
YEAR = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 12, 31, 23, 59, tzinfo=UTC)


def query_of(months=(), area=AREA, collection="sentinel-2-l2a"):
    return Query("https://a.b/c", collection, area, *YEAR, months=months)


def test_a_list_keeps_its_name_from_version_to_version():
    """Another name would search the catalog of every cube again."""
    assert list_name(query_of()) == "scenes/4449876ebe8e96fe"
    assert list_name(query_of((5, 6))) == "scenes/cdac63f01716703f"
    assert list_name(replace(query_of(), assets=("red", "ocm"))) == list_name(query_of())


def test_queries_that_differ_have_lists_of_their_own():
    queries = [query_of(), query_of((5,)), query_of(area=AREA.buffer(1)), query_of(collection="landsat-c2-l2")]
    wheres = [(Comparison("gsd", operator, value),) for operator, value in (("lt", 10), ("lte", 10), ("lt", 20))]
    queries += [replace(query_of(), where=where) for where in wheres]
    queries += [replace(query_of(), assets=(key,)) for key in ("preview", "red-jp2")]
    assert len({list_name(query) for query in queries}) == len(queries)


def test_refusals_are_those_of_the_last_search(tmp_path: Path):
    query = query_of()
    assert read_refusals(files_at(tmp_path), query) == {}
    for refusals in ({"a": "no datetime", "b": "no footprint"}, {"c": "no mask"}):
        write_refusals(files_at(tmp_path), query, refusals)
        assert read_refusals(files_at(tmp_path), query) == refusals


@pytest.mark.parametrize("content", [b"", b"PAR1", b"\0" * 9])
def test_a_damaged_list_is_told(tmp_path, content):
    files = files_at(tmp_path)
    files.write("scenes/a.parquet", content)
    with pytest.raises(CatalogError, match=r"the scene list .*scenes/a.parquet is missing or damaged .* delete it"):
        read_items(files, "scenes/a.parquet")

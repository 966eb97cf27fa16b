"""A real server that goes away in the middle of a search: what is on disk stays, what is missing comes later."""

import pytest
from brute_force import FIJI, YEAR, asked, brute_force

from catalogs.errors import CatalogUnavailable
from catalogs.search import search_with_refusals
from catalogs.sources import fetch, page_store


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(fetch, "MAX_CONNECT_ATTEMPTS", 1)


def stored(folder):
    return sorted(path.relative_to(folder) for path in folder.glob("*/*.json.gz"))


@pytest.mark.parametrize("after", [1, 10, 40])
def test_a_search_goes_on_after_the_server_was_killed_and_repeats_no_page(server, items, tmp_path, quick, after):
    query, folder = asked(server, FIJI, YEAR), tmp_path / "pages"
    before = server.searches
    whole = search_with_refusals(query, tmp_path / "undisturbed", limit=3)
    pages_in_all = server.searches - before

    def kill(count):
        if count == after:
            server.kill()

    with pytest.raises(CatalogUnavailable, match="does not answer"):
        search_with_refusals(query, folder, kill, limit=3)
    kept = stored(folder)
    assert 0 < len(kept) < pages_in_all
    with pytest.raises(CatalogUnavailable, match="does not answer"):
        search_with_refusals(query, folder, limit=3)
    assert stored(folder) == kept
    server.start()
    before = server.searches
    found = search_with_refusals(query, folder, limit=3)
    assert found == whole
    assert [item["id"] for item in found.items] == brute_force(items, FIJI, YEAR)
    assert server.searches - before == pages_in_all - len(kept)
    page_store.remove(folder)
    assert not folder.exists()


def test_a_search_that_lacks_only_its_mark_is_repeated_from_its_pages_while_the_server_is_gone(server, tmp_path, quick):
    query, folder = asked(server, FIJI, YEAR), tmp_path / "pages"
    whole = search_with_refusals(query, folder)
    (folder / "complete").unlink()
    server.kill()
    try:
        assert search_with_refusals(query, folder) == whole
        with pytest.raises(CatalogUnavailable, match="does not answer"):
            search_with_refusals(query, folder)
    finally:
        server.start()

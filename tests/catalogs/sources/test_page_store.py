import contextlib
import errno
import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_items import made_item
from paged_items import IDS, ITEMS, SUMMER, ids, query
from paged_server import Faults, paged_server

from catalogs import CatalogError
from catalogs.errors import CatalogUnavailable, SearchHeld
from catalogs.search import search_with_refusals
from catalogs.sources import page_store


@contextlib.contextmanager
def full_after(monkeypatch, writes):
    """A disk with room for so many more files; simulated, for a disk of one's own takes the right to mount."""
    left, write_bytes = [writes], Path.write_bytes

    def write(path, content):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_bytes(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write)
        yield


def kept(folder):
    return len(list(folder.glob("*/*.json.gz")))


@pytest.mark.parametrize("limit", [1, 3, 10, 250])
def test_a_search_finds_everything_at_every_page_size(limit):
    with paged_server(ITEMS) as (url, searches):
        found = search_with_refusals(query(url), limit=limit)
    assert ids(found) == IDS
    assert found.matched == 20
    assert len(found.slices) == 3
    assert all(len(given) <= limit for _, _, given in searches)


def test_pages_are_kept_and_a_search_that_was_finished_is_made_anew(tmp_path):
    """Its pages are there where a crash came before they were dropped; they must not hide what is new."""
    served = list(ITEMS)
    with paged_server(served) as (url, searches):
        search_with_refusals(query(url), tmp_path, limit=3)
        assert kept(tmp_path) == len(searches) == 8
        served.append(made_item("new", datetime="2023-08-30T10:00:00Z"))
        assert ids(search_with_refusals(query(url), tmp_path, limit=3)) == [*IDS, "new"]
        assert len(searches) == 8 + kept(tmp_path) == 17
    page_store.remove(tmp_path)
    assert not tmp_path.exists()


def test_a_search_that_lacks_only_its_mark_is_answered_from_disk(tmp_path):
    with paged_server(ITEMS) as (url, searches):
        first = search_with_refusals(query(url), tmp_path, limit=3)
        (tmp_path / "complete").unlink()
    assert search_with_refusals(query(url), tmp_path, limit=3) == first
    assert len(searches) == 8


def test_of_two_searches_in_one_folder_the_second_is_refused_and_takes_nothing_away(tmp_path):
    outcomes = []

    def meanwhile(count):
        if count == 5:
            with pytest.raises(SearchHeld, match=r"another search holds .*pages now; try again when it has ended"):
                search_with_refusals(query(url), tmp_path / "pages", limit=1)
            page_store.remove(tmp_path / "pages")
            outcomes.append(kept(tmp_path / "pages"))

    with paged_server(ITEMS) as (url, searches):
        assert ids(search_with_refusals(query(url), tmp_path / "pages", meanwhile, 1)) == IDS
        assert (outcomes, len(searches)) == ([5], 20)
        assert ids(search_with_refusals(query(url), tmp_path / "pages", limit=1)) == IDS


@settings(deadline=None, max_examples=12)
@given(stops=st.lists(st.integers(1, 9), max_size=4), limit=st.sampled_from([1, 2, 3, 7]))
def test_interrupted_anywhere_any_number_of_times_it_ends_the_same_and_repeats_no_page(tmp_path_factory, stops, limit):
    folder = tmp_path_factory.mktemp("pages")
    undisturbed = {1: 20, 2: 11, 3: 8, 7: 3}

    class Interrupted(Exception):
        pass

    with paged_server(ITEMS) as (url, searches):
        for stop in [*stops, 1000]:
            begun = len(searches)

            def interrupt(_, begun=begun, stop=stop):
                if len(searches) - begun >= stop:
                    raise Interrupted

            with contextlib.suppress(Interrupted):
                found = search_with_refusals(query(url), folder, interrupt, limit)
                break
        assert ids(found) == IDS
        requests = [repr(body) for _, body, _ in searches]
        assert len(requests) == len(set(requests)) <= undisturbed[limit]


KILLED = """
import sys
from datetime import datetime
from pathlib import Path
from catalogs import Query
from catalogs.search import search_with_refusals
url, folder, start, end = sys.argv[1:]
area = (15.2, 46.2, 15.4, 46.4)
query = Query(url, "sentinel-2-l2a", area, datetime.fromisoformat(start), datetime.fromisoformat(end))
search_with_refusals(query, Path(folder), lambda count: print(count, flush=True), 1)
"""


def test_after_the_search_itself_was_killed_it_goes_on(tmp_path):
    faults = Faults()
    faults.after = lambda number: time.sleep(0.05)
    with paged_server(ITEMS, faults) as (url, searches):
        arguments = [url, str(tmp_path / "pages"), *(time.isoformat() for time in SUMMER)]
        process = subprocess.Popen([sys.executable, "-c", KILLED, *arguments], stdout=subprocess.PIPE, text=True)
        while int(process.stdout.readline()) < 5:
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        before = kept(tmp_path / "pages")
        assert 4 <= before < 20
        assert ids(search_with_refusals(query(url), tmp_path / "pages", limit=1)) == IDS
        asked = [repr(body) for _, body, _ in searches]
        assert not set(asked[:before]) & set(asked[before:]), "a page that was kept is not asked for again"
        assert len(set(asked)) == 20
        assert len(asked) <= 21, "but the one that was under way may be"


def test_pages_older_than_a_day_are_asked_for_anew(tmp_path):
    with paged_server(ITEMS) as (url, searches):
        search_with_refusals(query(url), tmp_path)
        (tmp_path / "complete").unlink()
        asked = len(searches)
        yesterday = time.time() - page_store.FRESH_SECONDS - 60
        os.utime(tmp_path / "begun", (yesterday, yesterday))
        assert ids(search_with_refusals(query(url), tmp_path)) == IDS
        assert len(searches) == 2 * asked


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with paged_server(ITEMS) as (url, _), pytest.raises(CatalogError, match="holds other things than a search's pages"):
        search_with_refusals(query(url), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_page_half_written_does_not_count_and_a_damaged_one_is_named(tmp_path):
    with paged_server(ITEMS) as (url, _):
        search_with_refusals(query(url), tmp_path, limit=3)
        (tmp_path / "complete").unlink()
        folder = min(path for path in tmp_path.iterdir() if path.is_dir())
        (folder / ".000009.json.gz.1234").write_bytes(b"half")
        assert ids(search_with_refusals(query(url), tmp_path, limit=3)) == IDS
        (tmp_path / "complete").unlink()
        (folder / "000000.json.gz").write_bytes(gzip.compress(b"{}")[:-3])
        with pytest.raises(CatalogError, match=r"000000\.json\.gz is damaged .* delete"):
            search_with_refusals(query(url), tmp_path, limit=3)


def test_pages_whose_removal_was_cut_short_are_no_matter(tmp_path):
    folder = tmp_path / "pages"
    (tmp_path / ".pages.dropped").mkdir()
    (tmp_path / ".pages.dropped" / "begun").touch()
    with paged_server(ITEMS) as (url, _):
        assert ids(search_with_refusals(query(url), folder)) == IDS
    page_store.remove(folder)
    assert not any(tmp_path.iterdir())
    page_store.remove(folder)


def test_other_queries_share_a_folder_without_mixing(tmp_path):
    with paged_server(ITEMS) as (url, _):
        july = query(url, months=(7,))
        assert len(search_with_refusals(july, tmp_path).items) == 7
        assert ids(search_with_refusals(query(url), tmp_path)) == IDS
        assert len(search_with_refusals(july, tmp_path).items) == 7


@pytest.mark.parametrize("limit", [0, 251])
def test_a_page_has_1_to_250_items(limit):
    with pytest.raises(CatalogError, match="a page has 1 to 250 items"):
        search_with_refusals(query("http://127.0.0.1:9"), limit=limit)


def test_where_the_disk_is_full_a_sentence_says_so_and_the_pages_so_far_are_kept(tmp_path, monkeypatch):
    with paged_server(ITEMS) as (url, searches):
        with (
            full_after(monkeypatch, 4),
            pytest.raises(CatalogUnavailable, match=r"pages .* \(No space left on device\)"),
        ):
            search_with_refusals(query(url), tmp_path, limit=3)
        assert kept(tmp_path) == 3
        assert ids(search_with_refusals(query(url), tmp_path, limit=3)) == IDS
        assert len(searches) == 8 + 1

"""The small files of a cube, alike in a folder and on object storage."""

import fcntl
import threading
import time
from pathlib import Path

import pytest

from catalogs.atomic import atomic_write
from pipeline.errors import RunError, UserError
from pipeline.storage.files import BucketFiles, FolderFiles, files_at

NAME = "runs/a/report.json"


@pytest.fixture(params=["folder", "s3"])
def files(request, tmp_path):
    if request.param == "folder":
        return files_at(tmp_path / "cube")
    return files_at(f"{request.getfixturevalue('s3').bucket(f'files-{time.time_ns()}')}/maps")


def test_a_location_has_files_of_its_kind(tmp_path):
    assert files_at(str(tmp_path)) == FolderFiles(tmp_path)
    assert files_at("s3://bucket/cube/") == BucketFiles("s3://bucket/cube")
    with pytest.raises(UserError):
        files_at("gs://bucket")


def test_a_file_is_written_read_and_replaced(files):
    assert not files.exists(NAME)
    with pytest.raises(FileNotFoundError):
        files.read(NAME)
    files.write(NAME, "ä")
    assert files.exists(NAME)
    assert files.read(NAME) == "ä".encode()
    files.write(NAME, b"\x00other")
    assert files.read(NAME) == b"\x00other"
    assert not files.exists("runs/a")


def test_a_swap_replaces_only_what_was_expected(files):
    assert not files.swap(NAME, b"old", b"new")
    assert files.swap(NAME, None, b"first")
    assert not files.swap(NAME, None, b"second")
    assert files.swap(NAME, b"first", b"second")
    assert files.read(NAME) == b"second"
    assert not files.swap(NAME, b"first", None)
    assert files.swap(NAME, b"second", None)
    assert files.swap(NAME, None, b"third")


def test_files_of_a_folder_are_listed_and_removed(files):
    assert files.list("stac") == []
    for name in ("stac/b.json", "stac/a.json", "stac/more/c.json", "other/d.json"):
        files.write(name, "here")
    assert files.list("stac") == ["stac/a.json", "stac/b.json"]
    files.remove("stac/a.json")
    files.remove("stac/a.json")
    assert files.list("stac") == ["stac/b.json"]


def test_what_a_killed_process_had_begun_to_write_is_no_file_of_the_cube(tmp_path):
    files = files_at(tmp_path)
    files.write("stac/item.json", "whole")
    with atomic_write(tmp_path / "stac/other.json") as draft:
        draft.write_text('{"half')
        assert files.list("stac") == ["stac/item.json"]


def test_an_empty_file_counts_as_none_in_a_swap(files):
    files.write(NAME, b"")
    assert not files.swap(NAME, b"old", b"new")
    assert files.swap(NAME, None, b"first")
    assert files.read(NAME) == b"first"


def test_a_swap_does_not_wait_for_ever_for_a_process_that_stands_still(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.storage.files.GUARD_SECONDS", 0.1)
    files = files_at(tmp_path)
    with (tmp_path / "lock.guard").open("wb") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        with pytest.raises(RunError, match=r"lock\.guard has been locked by another process"):
            files.swap("lock.json", None, b"mine")
    assert files.swap("lock.json", None, b"mine")


def test_of_swaps_at_once_one_succeeds(files):
    files.write(NAME, b"0")
    done = []
    threads = [threading.Thread(target=lambda n=n: done.append(files.swap(NAME, b"0", b"%d" % n))) for n in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False, False, True]
    assert files.read(NAME) in (b"1", b"2", b"3")


def test_a_local_copy_is_read_as_a_file_and_is_not_there_without_one(files):
    with files.local_copy(NAME) as path:
        assert not path.exists()
    files.write(NAME, "here")
    with files.local_copy(NAME) as path:
        assert path.read_text() == "here"
        assert path.name == "report.json"


def test_a_draft_becomes_a_file_where_its_block_ends_well(files):
    def write(fails):
        with files.local_draft(NAME) as path:
            path.write_text("draft")
            assert not files.exists(NAME)
            if fails:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write(fails=True)
    assert not files.exists(NAME)
    write(fails=False)
    assert files.read(NAME) == b"draft"


def test_scratch_lies_in_the_folder_or_in_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert files_at(tmp_path / "cube").scratch("pages") == tmp_path / "cube" / "pages"
    one, other = (files_at(f"s3://bucket/{name}").scratch("pages") for name in "ab")
    assert one != other
    assert one.is_relative_to(tmp_path / "cache" / "idgbr")


def test_a_folder_that_cannot_be_ends_in_one_sentence(tmp_path):
    file = tmp_path / "file"
    file.touch()
    for use in (FolderFiles(file).read, lambda name: FolderFiles(file).write(name, b"")):
        with pytest.raises(RunError, match=f"the cube at {file} cannot be used"):
            use("note")
    assert Path(file).is_file()

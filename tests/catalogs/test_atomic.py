import os

import pytest

from catalogs.atomic import atomic_write, is_draft


def test_a_file_appears_when_its_block_ends_and_under_its_own_suffix(tmp_path):
    path = tmp_path / "new" / "items.parquet"
    with atomic_write(path) as draft:
        draft.write_text("whole")
        assert draft.name.endswith("items.parquet")
        assert draft.parent == path.parent
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_after_an_exception_the_old_file_stands_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "items.json"
    path.write_text("old")
    with pytest.raises(KeyError), atomic_write(path) as draft:
        draft.write_text("half")
        raise KeyError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_is_on_the_disk_before_the_file_has_its_name(tmp_path, monkeypatch):
    path, named_at_sync = tmp_path / "file", []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: named_at_sync.append(path.exists()) or fsync(number))
    with atomic_write(path) as draft:
        draft.write_bytes(b"content")
    assert named_at_sync == [False, True]


def test_a_name_tells_whether_its_file_was_being_written(tmp_path):
    with atomic_write(tmp_path / "2024.json") as draft:
        draft.write_text("half")
        assert is_draft(draft.name)
    assert not is_draft("2024.json")
    assert not is_draft(".hidden.json")

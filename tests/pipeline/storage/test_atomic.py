import os

import pytest

from pipeline.storage.atomic import write_atomically


def test_a_file_is_made_with_its_folders_and_replaced(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    write_atomically(path, b"first")
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_what_was_there_stays_where_writing_fails(tmp_path, monkeypatch, step):
    path = tmp_path / "file"
    write_atomically(path, b"first")

    def fail(*_):
        raise OSError("the disk is gone")

    monkeypatch.setattr("os.fsync" if step == "fsync" else "pathlib.Path.replace", fail)
    with pytest.raises(OSError, match="the disk is gone"):
        write_atomically(path, b"second")
    assert path.read_bytes() == b"first"


def test_the_content_is_on_the_disk_before_it_has_the_name(tmp_path, monkeypatch):
    path, synced = tmp_path / "file", []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(path.exists()) or fsync(number))
    write_atomically(path, b"content")
    assert synced == [False]

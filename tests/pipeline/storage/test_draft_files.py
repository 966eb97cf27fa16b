"""Files that are written in memory over those of a cube."""

import pytest

from pipeline.storage.draft_files import DraftFiles
from pipeline.storage.files import files_at


@pytest.fixture
def below(tmp_path):
    files = files_at(tmp_path)
    files.write("a/kept", "1")
    files.write("a/gone", "2")
    return files


def test_what_is_written_is_read_again_and_the_cube_stays_as_it_is(below):
    draft = DraftFiles(below)
    draft.write("a/new", "3")
    draft.write("a/kept", b"4")
    draft.remove("a/gone")
    assert (draft.read("a/new"), draft.read("a/kept")) == (b"3", b"4")
    assert draft.list("a") == ["a/kept", "a/new"]
    assert not draft.exists("a/gone")
    with pytest.raises(FileNotFoundError, match="a/gone"):
        draft.read("a/gone")
    assert below.list("a") == ["a/gone", "a/kept"]
    assert below.read("a/kept") == b"1"


def test_a_swap_asks_for_what_the_draft_holds(below):
    draft = DraftFiles(below)
    assert draft.swap("a/kept", b"1", b"5")
    assert not draft.swap("a/kept", b"1", b"6")
    assert draft.swap("lock", None, b"mine")
    assert draft.read("a/kept") == b"5"
    assert not below.exists("lock")


def test_scratch_lies_outside_the_cube(below, tmp_path):
    assert not DraftFiles(below).scratch("pages").is_relative_to(tmp_path)

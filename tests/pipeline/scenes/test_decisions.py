"""Decisions are read as they were written, and the file is the same whatever their order."""

import pytest

from pipeline.errors import RunError
from pipeline.scenes.decisions import OffsetDecision, read_decisions, write_decisions
from pipeline.storage.files import files_at

DECISIONS = {"b1": OffsetDecision(-0.1, "dark enough"), "a2": OffsetDecision(None, "nothing dark")}


def test_decisions_are_read_as_they_were_written(tmp_path):
    write_decisions(files_at(tmp_path), "scenes/some.offsets.json", DECISIONS)
    assert read_decisions(files_at(tmp_path), "scenes/some.offsets.json") == DECISIONS


def test_the_file_does_not_depend_on_the_order_of_the_decisions(tmp_path):
    for name, decisions in (("one", DECISIONS), ("two", dict(reversed(DECISIONS.items())))):
        write_decisions(files_at(tmp_path), name, decisions)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"a": {"x": 1}}', b'{"a": {"offset": "0", "why": ""}}'])
def test_damaged_decisions_are_told(tmp_path, content):
    files = files_at(tmp_path)
    files.write("scenes/a.offsets.json", content)
    with pytest.raises(RunError, match=r"scenes/a.offsets.json is .*damaged .* decided again by the scenes' pixels"):
        read_decisions(files, "scenes/a.offsets.json")

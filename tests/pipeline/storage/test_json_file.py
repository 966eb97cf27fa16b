import re
from dataclasses import dataclass

import pytest

from pipeline.errors import RunError
from pipeline.storage.files import files_at
from pipeline.storage.json_file import read_json


def test_a_file_is_read_as_its_type(tmp_path):
    files = files_at(tmp_path)
    files.write("a.json", '{"x": "y"}')
    assert read_json(files, "a.json", dict[str, str], "") == {"x": "y"}
    with pytest.raises(FileNotFoundError):
        read_json(files, "b.json", dict[str, str], "")


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[1]", b'{"x": 1}', b'{"x": {}}', b"\0" * 9, b"\xff{}", b"[" * 200_000, b'{"x": "y"']
)
def test_a_damaged_file_is_one_sentence_that_names_it_and_says_what_to_do(tmp_path, content):
    files = files_at(tmp_path)
    files.write("scenes/a.json", content)
    with pytest.raises(RunError, match=f"^{re.escape(str(tmp_path))}/scenes/a.json is damaged .*: well$") as told:
        read_json(files, "scenes/a.json", dict[str, str], "well")
    assert "\n" not in str(told.value)


@dataclass(frozen=True)
class Inner:
    early: int
    late: int


def test_a_file_that_lacks_a_key_may_be_of_another_version_and_is_not_called_damaged_alone(tmp_path):
    files = files_at(tmp_path)
    files.write("a.json", '{"x": {"early": 1, "gone": 2}}')
    with pytest.raises(RunError) as told:
        read_json(files, "a.json", dict[str, Inner], "well")
    assert str(told.value) == (
        f"{tmp_path}/a.json is of another version of this system, or damaged (it lacks 'x.late'); read it with that "
        "version, or delete it and run again: well"
    )

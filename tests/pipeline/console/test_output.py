import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pipeline.console.output import check_writable, to_json, write_text
from pipeline.errors import UserError


@dataclass(frozen=True)
class Inner:
    from_: str
    block: tuple[int, int]


@dataclass(frozen=True)
class Outer:
    day: date
    inner: list[Inner]
    by_code: dict[int, Path]
    none: None = None


def test_typed_results_become_json_by_field_name():
    value = Outer(date(2024, 5, 1), [Inner("a", (1, 2))], {7: Path("x")})
    assert json.loads(to_json(value)) == {
        "day": "2024-05-01",
        "inner": [{"from": "a", "block": [1, 2]}],
        "by_code": {"7": "x"},
        "none": None,
    }
    assert json.loads(to_json(datetime(2024, 5, 1, 12, tzinfo=UTC))) == "2024-05-01T12:00:00+00:00"


def test_numbers_that_json_does_not_have_are_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"share": float("nan")})


def test_a_file_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        check_writable(tmp_path / "no" / "scores.json")
    with pytest.raises(UserError, match="name a file that you may write"):
        check_writable(tmp_path)
    with pytest.raises(UserError, match="cannot be written"):
        write_text(tmp_path, "text")
    write_text(tmp_path / "scores.json", "text")
    assert (tmp_path / "scores.json").read_text() == "text"

"""The page of stumbles: every one of the list is on it, and what is gone names tests that exist."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs/stumbles.md").read_text()
ROWS = [[cell.strip() for cell in row.split("|")[1:5]] for row in PAGE.splitlines() if re.match(r"\| W?\d", row)]
NUMBERS = [str(number) for number in range(1, 16)]


def test_every_stumble_and_every_wish_is_on_the_page():
    told = {number for numbers, *_ in ROWS for number in numbers.split(", ")}
    assert told == {*NUMBERS, *(f"W{number}" for number in NUMBERS)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_what_is_gone_or_partly_gone_names_tests_that_exist_and_what_is_not_says_why(row):
    _, _, now, shown = row
    state, _, why = now.partition(": ")
    tests = re.findall(r"`([\w/]+\.py)::(\w+)`", shown)
    assert state.partition(";")[0] in ("gone", "partly", "not")
    assert bool(tests) == (state != "not")
    assert len(tests) == shown.count("`") // 2
    assert why or state.startswith("gone")
    for file, name in tests:
        assert re.search(rf"^def {name}\(", (TESTS / file).read_text(), re.MULTILINE), f"{file}::{name}"

"""The table of public items (`tests/benchmarks/public_items.py`): read or refused, none crashes."""

import copy
import os
from pathlib import Path

import public_items
import pytest
from public_items import count, items_of, markdown

from catalogs.items.providers import PROVIDERS

PAGE = Path(__file__).parents[3] / "docs/mosaics.md"


def test_every_item_that_the_tests_carry_is_read_by_its_row():
    table = count(items_of())
    assert len(table) == len(list(items_of()))
    assert table.keys() <= {row.name for row in PROVIDERS}
    for row, outcomes in table.items():
        assert outcomes["items"] == outcomes["read"] == 1, row
        assert outcomes["refused"] == outcomes["crashed"] == outcomes["in doubt"] == 0, row


def test_refusals_are_told_by_kind_and_by_what_a_draft_makes_of_them():
    item = next(items_of())
    others = [copy.deepcopy(item) | {"collection": f"national-{number}", "id": f"item-{number}"} for number in range(3)]
    others[2]["assets"] = {"text": {"href": "/a.txt"}}
    ((row, outcomes),) = count(others).items()
    assert row == "none: is of collection ..."
    assert (outcomes["refused"], outcomes["read"], outcomes["drafted"]) == (3, 0, 2)
    assert "| `national-0`, `national-1`, `national-2` | 3 | 0 | 0 | 3 | 2 | 0 |" in markdown(count(others))


def test_a_crash_is_counted_as_one(monkeypatch):
    monkeypatch.setattr(public_items, "read_scene", lambda *_: {}["href"])
    table = count(items_of())
    assert table["crashed"]["crashed"] == table["crashed"]["items"] == len(list(items_of()))
    assert "KeyError('href')" in table["crashed"]


@pytest.mark.realdata
@pytest.mark.skipif("IDGBR_DATA" not in os.environ, reason="IDGBR_DATA is not set: no real items here")
def test_the_table_of_the_docs_is_that_of_the_items():
    table = count(items_of(Path(os.environ["IDGBR_DATA"])))
    assert not any(outcomes["crashed"] for outcomes in table.values())
    assert markdown(table) in PAGE.read_text()

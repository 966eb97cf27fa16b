"""digest.py: one digest for one value, whatever the order of its keys, and the same from version to version."""

from datetime import date

from pipeline.digest import json_digest


def test_the_digest_of_a_value_stays_what_it_was():
    """Blocks, runs and lists of old cubes are known by it."""
    value = [3, {"b": None, "a": [1.5, "x"]}, date(2024, 5, 1)]
    assert json_digest(value) == "c1fb48697060373991b5442dfe055f879d8c838a44055338833f4b854abf0e9a"


def test_the_order_of_keys_does_not_matter_but_that_of_a_list_does():
    assert json_digest({"a": 1, "b": 2}) == json_digest({"b": 2, "a": 1})
    assert json_digest([1, 2]) != json_digest([2, 1])

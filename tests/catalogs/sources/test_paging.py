"""Paging itself; restarts, repetition and circles of pages are tested through searches in test_page_store."""

from catalogs.sources.paging import request_digest


def test_the_name_of_a_request_does_not_depend_on_the_order_of_its_fields():
    first = request_digest({"a": 1, "b": [2]})
    assert first == request_digest({"b": [2], "a": 1})
    assert first != request_digest({"a": 1, "b": [3]})

import pytest
from made_items import made_item

from catalogs.comparison import Comparison
from catalogs.errors import CatalogError


def held(operator, value, own):
    return Comparison("own", operator, value).holds(made_item(own=own))


@pytest.mark.parametrize(
    ("operator", "met", "missed"),
    [
        ("eq", [5], [4, 6]),
        ("neq", [4, 6], [5]),
        ("lt", [4], [5]),
        ("lte", [4, 5], [6]),
        ("gt", [6], [5]),
        ("gte", [5], [4]),
    ],
)
def test_a_property_is_compared_as_the_word_says(operator, met, missed):
    assert [held(operator, 5, own) for own in met + missed] == [True] * len(met) + [False] * len(missed)
    assert held("in", (5, 7), 7)
    assert not held("in", (5, 7), 6)


def test_an_item_without_the_property_meets_no_comparison():
    item = made_item(own=None)
    assert not any(Comparison("own", operator, 5).holds(item) for operator in ("eq", "neq", "lt", "gte"))


@pytest.mark.parametrize(
    ("operator", "value", "own", "expected"),
    [
        ("eq", "2023-08-15T21:19:47Z", "2023-08-15T23:19:47.000+02:00", True),
        ("lt", "2023-08-15T21:19:47Z", "2023-08-15T21:19:47.562Z", False),
        ("gte", "2023-08-15", "2023-08-15T00:00:00Z", True),
        ("gt", "2023-08-15", "2023-08-15T00:00:00", False),
        ("lt", "05.10", "05.09", True),
        ("lt", "5.10", "5.9", False),
        ("lt", "2023-99-99", "2023-08-15", True),
        ("eq", "a", "A", False),
    ],
)
def test_times_are_compared_as_moments_and_other_texts_by_their_letters(operator, value, own, expected):
    assert held(operator, value, own) == expected


@pytest.mark.parametrize(("value", "own"), [(5.0, "05.00"), ("05.00", 5.0), (1, True), (True, 1), ("msi", ["msi"])])
def test_an_item_whose_property_is_of_another_type_is_refused_by_name(value, own):
    with pytest.raises(
        CatalogError, match=r"item S2A_.* has own .*, but the query compares it with .*: write a text in"
    ):
        held("eq", value, own)


@pytest.mark.parametrize(
    ("name", "operator", "value", "says"),
    [
        ("eo.cloud", "eq", 5, "'eo.cloud' is no name of a property"),
        ('a" OR 1', "eq", 5, "is no name of a property"),
        ("id", "eq", "x", "id is a part of an item"),
        ("own", "le", 5, "'le' is no comparison; there are eq, neq, lt, lte, gt, gte, in"),
        ("own", "in", 5, "own in 5: it takes a list of values"),
        ("own", "eq", (5,), r"own eq \(5,\): it takes one value"),
        ("own", "in", (), "own in takes 1 to 100 values, not 0"),
        ("own", "in", tuple(range(101)), "1 to 100 values, not 101"),
        ("own", "lt", float("nan"), "a value is a printable text, a finite number, true or false"),
        ("own", "eq", "a\0b", "a value is a printable text"),
        ("own", "eq", None, "a value is a printable text"),
        ("own", "lt", True, "true and false have no order"),
    ],
)
def test_what_cannot_be_compared_is_told(name, operator, value, says):
    with pytest.raises(CatalogError, match=says):
        Comparison(name, operator, value)


def test_a_comparison_reads_as_it_is_written():
    assert str(Comparison("platform", "in", ("a", "b"))) == "platform in 'a', 'b'"
    assert str(Comparison("eo:cloud_cover", "lte", 40)) == "eo:cloud_cover lte 40"

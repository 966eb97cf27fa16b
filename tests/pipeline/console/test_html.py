"""Pages stand alone and are escaped; a result is shown as tables of its values."""

from dataclasses import dataclass, field
from datetime import date

import pytest
from standalone_html import read_page

from pipeline.console import html

HOSTILE = "<img src='http://example.com/x'>&\"</td>"


def test_a_page_stands_alone_is_closed_and_leaves_empty_sections_out():
    text = read_page(html.page(HOSTILE, HOSTILE, [("one", html.paragraph("1")), ("none", ""), ("two", "<b>2</b>")]))
    assert text.splitlines() == [HOSTILE, HOSTILE, HOSTILE, "one", "1", "two", "2"]


@pytest.mark.parametrize(
    "made",
    [
        html.table([(HOSTILE, HOSTILE)], (HOSTILE, HOSTILE), HOSTILE),
        html.legend([(HOSTILE, "#000000")]),
        html.figure("", HOSTILE),
        html.details(HOSTILE, html.preformatted(HOSTILE)),
    ],
)
def test_text_from_elsewhere_is_never_markup(made):
    assert "<img" not in made
    assert set(read_page(made).splitlines()) == {HOSTILE}


def test_numbers_stand_to_the_right_and_are_grouped():
    made = html.table([("a", 1234567, 0.123456), ("b", 2, 98765.4)], ("name", "pixels", "km2"))
    assert '<td class="n">1,234,567</td>' in made
    assert '<td class="n">0.1235</td><' in made
    assert ">98,765<" in made
    assert made.count('class="n"') == 6
    assert '<th scope="row">a</th>' in made


@dataclass(frozen=True)
class Area:
    class_: str
    km2: float


@dataclass(frozen=True)
class Share:
    value: float

    def __str__(self):
        return f"{self.value:.0%}"


@dataclass(frozen=True)
class Counts:
    new: int
    old: int


@dataclass(frozen=True)
class SomeResult(html.Tabular):
    period: tuple[date, date]
    counts: Counts
    areas_found: list[Area]
    by_name: dict[str, Area]
    blocks: list[tuple[int, int]] = field(default_factory=list)
    missing: str | None = None
    share: Share = Share(0.5)
    matrix: tuple[tuple[int, ...], ...] = ((1, 2, 3), (4, 5, 6), (7, 8, 9))


def test_a_notebook_shows_a_result_as_tables_of_all_its_values():
    areas = [Area(f"class {n}", float(n)) for n in range(html.ROWS + 5)]
    result = SomeResult((date(2024, 5, 1), date(2024, 8, 31)), Counts(7, 8), areas, {"north": areas[3]}, [(1, 2)] * 9)
    words = read_page(result._repr_html_()).splitlines()
    assert words[0] == "some result"
    assert words[words.index("period") + 1] == "2024-05-01 to 2024-08-31"
    assert words[words.index("counts") + 1] == "new 7, old 8"
    assert words[words.index("blocks") + 1] == ", ".join(["(1, 2)"] * 6) + " and 3 more"
    assert words[words.index("missing") + 1] == "none"
    assert words[words.index("share") + 1] == "50%"
    assert words[words.index("matrix") + 1] == "3 rows of 3"
    at = words.index("areas found")
    assert words[at : at + 7] == ["areas found", "class", "km2", "class 0", "0", "class 1", "1"]
    assert f"class {html.ROWS}" not in words
    assert "and 5 more" in words
    assert words[words.index("by name") :] == ["by name", "north", "class", "class 3", "km2", "3"]

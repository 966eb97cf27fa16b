"""Bars of a notebook; that a real notebook shows them is tested in tests/test_notebooks.py."""

from standalone_html import read_page

from pipeline.console.notebook import bars


def test_each_stage_has_its_count_and_a_bar_where_the_total_is_known():
    made = bars({"found": (1200, None, ""), "mosaic": (3, 4, "<b>"), "nothing": (0, 0, "")})
    assert read_page(made).splitlines() == ["found", "1,200", "mosaic", "3 of 4", "<b>", "nothing", "0 of 0"]
    assert made.count("<progress") == 2
    assert '<progress value="3" max="4">' in made

"""The page of a plan: clear views, coverage and kind of every block, and the footprints of its scenes."""

import re

import pytest
from standalone_html import read_page

from pipeline.planning import plan_page
from pipeline.planning.describe import describe
from pipeline.planning.plan import plan


@pytest.fixture
def planned(region_of):
    made = plan(region_of(), dry=True)
    return made, describe(made)


def test_every_block_is_drawn_with_its_clear_views_its_coverage_and_its_kind(planned):
    made, description = planned
    text = plan_page.plan_page(made, description)
    words = read_page(text)
    for block in description.stream:
        name = f"block {block.block}"
        assert f"{name}: {block.clear_views:.2f} clear views" in words
        assert f"{name}: {block.covered:.2%} covered" in words
        assert f"{name}: {block.kind}" in words
    assert text.count("<rect") == 3 * len(description.stream)
    assert set(words.splitlines()) >= {scene.id for scene in made.scenes}


def test_each_outline_is_drawn_once_and_many_are_cut_short(planned, monkeypatch):
    made, description = planned
    (outlines,) = set(re.findall(r'<path d="(M[^"]*Z)" fill="none"', plan_page.plan_page(made, description)))
    assert 1 < outlines.count("M") < len(made.scenes)
    monkeypatch.setattr(plan_page, "MAX_FOOTPRINTS", 1)
    words = read_page(plan_page.plan_page(made, description))
    assert f"; {outlines.count('M') - 1} more outlines are left out" in words


def test_colours_rise_with_clear_views():
    color = plan_page._ramp(plan_page.VIEW_STOPS)
    assert [color(value) for value in (0, 0.5, 4.9, 100)] == [plan_page.RAMP[at] for at in (0, 1, 4, 7)]

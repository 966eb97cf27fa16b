from dataclasses import replace
from datetime import date

import pytest
import shapely
import zarr
from made_versions import LAYOUT, SUMMER

from pipeline.cube.create import add_period
from pipeline.cube.schema import Layout, check_layout, period_index
from pipeline.errors import UserError
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window


def made(layout=LAYOUT):
    group = zarr.group()
    add_period(group, layout, SUMMER)
    return group


@pytest.mark.parametrize("area", [None, shapely.box(0, -5120, 3000, 0)], ids=["all", "polygon"])
def test_a_layout_is_read_back_from_the_cube_that_it_made(area):
    layout = replace(LAYOUT, extent=replace(LAYOUT.extent, area=area))
    assert Layout.of(made(layout)) == layout


@pytest.mark.parametrize(("side", "levels"), [(256, 0), (512, 0), (513, 1), (1024, 1), (2051, 2), (2052, 3)])
def test_the_map_is_halved_until_its_longer_side_is_at_most_512_pixels(side, levels):
    extent = Extent(Grid("EPSG:3035", 10, 1), Window(0, 0, 1, side))
    assert replace(LAYOUT, extent=extent).levels == levels


def test_a_period_is_found_by_its_first_day():
    group = made()
    add_period(group, LAYOUT, (date(2025, 5, 1), date(2025, 8, 31)))
    assert period_index(group, date(2024, 5, 1)) == 0
    assert period_index(group, date(2025, 5, 1)) == 1
    assert period_index(group, date(2024, 5, 2)) is None


def test_a_new_cube_and_one_of_the_same_layout_pass():
    check_layout(None, LAYOUT, SUMMER)
    check_layout(made(), LAYOUT, SUMMER)
    check_layout(made(), LAYOUT, (date(2023, 1, 1), date(2023, 12, 31)))


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"bands": ("red", "nir")}, r"bands \['red'\], not \['red', 'nir'\]"),
        ({"extent": replace(LAYOUT.extent, window=Window(0, 0, 512, 701))}, "window"),
        ({"extent": replace(LAYOUT.extent, grid=Grid("EPSG:3035", 20, 256))}, "grid"),
        ({"extent": replace(LAYOUT.extent, area=shapely.box(0, -5120, 3000, 0))}, "area None, not POLYGON"),
        ({"classes": LAYOUT.classes[:2]}, "classes"),
    ],
)
def test_a_region_that_differs_needs_another_cube(other, what):
    with pytest.raises(UserError, match=f"the cube was made for {what}"):
        check_layout(made(), replace(LAYOUT, **other), SUMMER)


def test_a_period_of_another_end_is_refused():
    with pytest.raises(UserError, match="a period from 2024-05-01 with another end than 2024-09-30"):
        check_layout(made(), LAYOUT, (SUMMER[0], date(2024, 9, 30)))


def test_a_cube_of_an_earlier_version_is_refused():
    group = made()
    del group.attrs["multiscales"]
    with pytest.raises(UserError, match="an earlier version of this system"):
        Layout.of(group)
    with pytest.raises(UserError, match="an earlier version of this system"):
        check_layout(group, LAYOUT, SUMMER)

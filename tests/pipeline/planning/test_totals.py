"""Progress while the blocks of a plan are counted, and the windows that these take."""

from types import SimpleNamespace

from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window
from pipeline.planning.blocks import BlockPlan
from pipeline.planning.totals import Totals, counted


def test_progress_is_told_every_thousand_blocks():
    told = []
    assert sum(1 for _ in counted(iter(range(2500)), lambda stage, number: told.append((stage, number)))) == 2500
    assert told == [("planned", 1000), ("planned", 2000)]
    assert list(counted(iter(range(3)), None)) == [0, 1, 2]


def test_of_a_block_that_is_mapped_in_part_the_windows_of_that_part_are_counted():
    """Windows of 64 px every 48: one sees the pixel, and those that reach into that one lie in a row and a column on
    each side."""
    extent = Extent(Grid("EPSG:3035", 10, 512), Window(0, 0, 512, 512))
    settings = SimpleNamespace(window=64, overlap=16, boundary_radius=0)
    plan = SimpleNamespace(extent=extent, settings=settings, model="any", bands=("red",))

    def windows(*ground):
        totals = Totals()
        totals.add(
            BlockPlan((0, 0), (), 0, 1, 1, mosaic_due=False, landcover_due=True, kind="same", ground=ground), plan
        )
        assert totals.to_segment == 1
        return totals.windows

    assert windows() == 12**2
    assert windows(Window(260, 260, 261, 261)) == 3**2
    assert windows(Window(260, 260, 261, 261), Window(20, 20, 21, 21)) == 2 * 3**2

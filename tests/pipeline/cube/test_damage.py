import pickle
from datetime import date

import pytest

from pipeline.cube.damage import Damage, DamagedChunk
from pipeline.cube.schema import Layout
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window

LAYOUT = Layout(Extent(Grid("EPSG:3035", 10, 256), Window(2570, 1300, 2600 + 66 * 256, 1400)), ("red",), ())
STARTS = [date(2024, 5, 1), date(2025, 5, 1)]


@pytest.mark.parametrize(
    ("array", "chunk", "slots", "place"),
    [
        ("0/landcover", (1, 3, 0), (slice(3, 4), slice(0, 1)), "landcover, block (13, 5), period from 2025-05-01"),
        ("0/mosaic", (0, 0, 2, 0), (slice(2, 3), slice(0, 1)), "mosaic, block (12, 5), period from 2024-05-01"),
        (
            "2/landcover",
            (2, 1, 0),
            (slice(4, 8), slice(0, 1)),
            "2/landcover, blocks (14, 5) to (17, 5), period 3",
        ),
        (
            "blocks/pixels",
            (0, 1, 0, 0),
            (slice(64, 67), slice(0, 1)),
            "blocks/pixels, blocks (74, 5) to (76, 5), period from 2024-05-01",
        ),
        ("0/x", (0,), None, "x"),
        ("1/time_bnds", (0, 0), None, "1/time_bnds"),
    ],
)
def test_a_chunk_has_its_blocks_and_its_place_in_words(array, chunk, slots, place):
    damage = Damage(array, chunk, "it is missing")
    assert damage.slots(LAYOUT) == slots
    assert damage.place(LAYOUT, STARTS) == place


def test_the_error_travels_between_processes():
    error = pickle.loads(pickle.dumps(DamagedChunk(Damage("0/landcover", (0, 0, 0), "it is missing"), "x")))
    assert str(error).startswith("a part of the cube is damaged: x (it is missing); 'idgbr check CUBE --heal'")


@pytest.mark.parametrize(
    "damage", [Damage("0/x", (0,), "it is missing"), Damage("0/change", (0, 0, 0), "it is missing")]
)
def test_of_what_no_run_makes_again_the_error_says_so(damage):
    assert not damage.is_healable
    assert str(DamagedChunk(damage, "x")).endswith(
        "x (it is missing); no run makes it again: roll back to an older version, or restore the cube from a copy"
    )

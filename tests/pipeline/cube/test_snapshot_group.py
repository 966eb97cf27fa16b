"""Arrays of a snapshot, opened once."""

import numpy as np
from made_versions import plain, published

from pipeline.cube.cube import Cube
from pipeline.cube.store import array, read_together


def test_an_array_is_opened_once_and_each_snapshot_has_its_own(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    first, second = (published(cube, plain(code), run=str(code)) for code in (10, 30))
    group = cube.group(snapshot=first)
    assert array(group, "landcover") is array(group, "landcover")
    found = [np.asarray(array(cube.group(snapshot=each), "landcover"))[0, 5, 5] for each in (first, second)]
    assert found == [10, 30]


def test_parts_of_arrays_that_are_read_together_come_in_order(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    group = cube.group(snapshot=published(cube, plain(30)))
    codes_HW, state = read_together(
        (array(group, "landcover"), (0, slice(0, 2), slice(0, 3))), (array(group, "blocks/state"), (0, 1, 2))
    )
    assert (codes_HW.tolist(), int(state)) == ([[30] * 3] * 2, 1)

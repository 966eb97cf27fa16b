"""A raster that is computed block by block; what becomes of it is tested by the verbs that do."""

import numpy as np

from pipeline.export.block_parts import blocks, part_of, write_part
from pipeline.export.target import PARTS
from pipeline.geometry.grid import Window


def test_blocks_lie_on_the_absolute_lattice_and_make_up_the_window():
    window = Window(-5, 7, 20, 30)
    made = list(blocks(window, 16))
    seen_HW = np.zeros(window.shape, int)
    for block in made:
        seen_HW[block.slices((window.y0, window.x0))] += 1
    assert (seen_HW == 1).all()
    assert {(block.y0, block.x0) for block in made} == {(y, x) for y in (-5, 0, 16) for x in (7, 16)}


def test_a_part_that_is_there_is_not_computed_again(tmp_path):
    (tmp_path / PARTS).mkdir()
    block, asked = Window(0, 0, 2, 2), []
    for _ in range(2):
        write_part(tmp_path, block, lambda block: asked.append(block) or np.ones(block.shape))
    assert asked == [block]
    assert np.load(part_of(tmp_path, block)).sum() == 4

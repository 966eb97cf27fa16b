"""Means over cells of pixels."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from pipeline.raster.cells import mean_cells


@pytest.mark.parametrize(("factor", "shape"), [(2, (8, 6)), (4, (11, 9)), (3, (7, 3)), (8, (5, 30))])
def test_a_cell_is_the_mean_of_its_pixels_with_data_if_they_are_half_of_it(factor, shape):
    random = np.random.default_rng(factor)
    value_HW = random.integers(1, 65_536, shape).astype(np.uint16)
    value_HW[random.random(shape) < 0.4] = 0
    cell_HW = mean_cells(value_HW, factor)
    assert cell_HW.dtype == np.uint16
    for (row, col), mean in np.ndenumerate(cell_HW):
        inside = value_HW[row * factor : (row + 1) * factor, col * factor : (col + 1) * factor]
        data = inside[inside > 0].tolist()
        exact = Fraction(sum(data), max(len(data), 1))
        assert mean == (floor(exact + Fraction(1, 2)) if 2 * len(data) >= factor**2 else 0)
    assert cell_HW.shape == (-(-shape[0] // factor), -(-shape[1] // factor))

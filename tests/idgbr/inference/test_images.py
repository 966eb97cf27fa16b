"""Windows that reach beyond an image. Covers idgbr.inference.images and window.

Its maps, and idgbr.inference.canvas, coarse_input and batches, are tested in tests/idgbr/test_pipeline.py and beside a
cube in tests/pipeline/segment/test_one_tiling.py.
"""

import numpy as np
import pytest
import torch

from idgbr.inference.window import cut_window


@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
@pytest.mark.parametrize("corner", [(0, 0), (-20, 3), (9, -31), (40, 40), (-7, 2)])
def test_a_window_beyond_the_image_sees_no_data_or_the_image_mirrored(corner, dtype):
    image = (1000 * np.random.default_rng(0).random((2, 7, 9))).astype(dtype)
    far = np.pad(image, ((0, 0), (64, 64), (64, 64)), mode="symmetric")
    part = (slice(None), slice(64 + corner[0], 80 + corner[0]), slice(64 + corner[1], 80 + corner[1]))
    y, x = 1000, -500
    absolute = (y + corner[0], x + corner[1])
    mirrored = cut_window(torch.from_numpy(image), absolute, (y, x), 16, None)
    assert np.array_equal(mirrored.numpy(), far[part])
    filled = cut_window(torch.from_numpy(image), absolute, (y, x), 16, 7.0)
    assert np.array_equal(filled.numpy(), np.pad(image, ((0, 0), (64, 64), (64, 64)), constant_values=7)[part])

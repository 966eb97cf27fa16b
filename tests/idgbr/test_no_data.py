"""Which pixels hold no data, in tensors of whatever numbers as in arrays."""

import numpy as np
import pytest
import torch

from idgbr.no_data import missing, missing_of_array


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
@pytest.mark.parametrize("blank", [0.0, 5.0, None])
def test_a_pixel_has_no_data_where_all_bands_are_blank_or_one_is_no_number(dtype, blank):
    image_CHW = np.random.default_rng(0).choice([0, 5, 7], (3, 24, 24)).astype(dtype)
    expected_HW = np.zeros((24, 24), bool) if blank is None else (image_CHW == blank).all(0)
    if image_CHW.dtype.kind == "f":
        for band, number in enumerate((np.nan, np.inf, -np.inf)):
            image_CHW[band, band, 3] = number
            expected_HW[band, 3] = True
    found_HW = missing(torch.from_numpy(image_CHW)[None], blank)[0, 0].numpy()
    assert found_HW.dtype == bool and np.array_equal(found_HW, expected_HW)
    assert np.array_equal(missing_of_array(image_CHW, blank), expected_HW)

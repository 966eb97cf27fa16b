"""coding.py: numbers of pixels of every type mean the values of their DN."""

import numpy as np
import pytest

from catalogs import Asset
from catalogs.items.provider import Unit
from pipeline.raster.coding import Coding
from pipeline.raster.retry import ReadError


def band(**facts):
    return Asset(
        **{"role": "red", "href": "/a.tif", "scale": 0.5, "offset": -3.0, "nodata": None, "dtypes": (), **facts}
    )


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32", "uint32", "float32", "float64"])
def test_a_number_means_the_value_of_its_dn(dtype):
    coding = Coding.of(band(unit=Unit("value", 0.25, -200)), dtype)
    dn_HW = np.array([[0, 1, 100, 127]], dtype)
    number_HW = coding.encode(dn_HW.copy(), None)
    assert number_HW.dtype == np.uint16
    assert number_HW.all(), "0 is data"
    assert np.allclose(number_HW * coding.scale + coding.offset, dn_HW * 0.5 - 3.0)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_numbers_are_the_dn_themselves_where_0_is_no_data(dtype):
    dn_HW = np.array([[0, 7]], dtype)
    coding = Coding.of(band(nodata=0.0), dtype)
    assert (coding.scale, coding.offset) == (0.5, -3.0)
    assert (coding.encode(dn_HW, None) == [[0, 7]]).all()


def test_what_is_no_data_is_0():
    coding = Coding.of(band(nodata=-9_999.0, valid=(-50, 60)), "float32")
    dn_HW = np.array([[-9_999, np.nan, np.inf, -51, 61, -50, 60, 5]], "float32")
    invalid_HW = np.array([[False] * 7 + [True]])
    assert ((coding.encode(dn_HW, invalid_HW) > 0) == [[False] * 5 + [True] * 2 + [False]]).all()


def test_a_type_that_the_row_does_not_have_is_refused():
    with pytest.raises(ReadError, match="holds float32, but red must hold uint16"):
        Coding.of(band(dtypes=("uint16",)), "float32")

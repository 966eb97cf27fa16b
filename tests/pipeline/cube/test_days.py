import numpy as np
import xarray as xr
import zarr

from pipeline.cube.days import as_dates


def test_days_are_lazy_dates_with_nat_for_never(tmp_path):
    source = zarr.create_array(zarr.storage.MemoryStore(), data=np.array([[0, 1], [19844, 65535]], np.uint16))
    attributes = {"units": "days since 1970-01-01", "_FillValue": 0, "long_name": "day"}
    dates = as_dates(xr.Variable(("y", "x"), source, attributes), source)
    assert not dates._in_memory
    expected = np.array([["NaT", "1970-01-02"], ["2024-05-01", "2149-06-06"]], "datetime64[ns]")
    assert np.array_equal(dates.values, expected, equal_nan=True)
    assert np.array_equal(dates[1:, [1, 0]].values, expected[1:, [1, 0]])
    xr.Dataset({"day": dates}).to_zarr(tmp_path / "copy", consolidated=False)
    assert np.array_equal(zarr.open_group(tmp_path / "copy")["day"][:], source[:])

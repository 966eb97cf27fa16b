import numpy as np
import xarray as xr
import zarr

from pipeline.storage.consolidate import consolidate


def test_a_folder_and_its_groups_are_opened_without_a_warning(tmp_path):
    root = zarr.create_group(tmp_path / "a.zarr")
    for group in (root, root.create_group("0")):
        group.create_array("value", data=np.array([1, 2]), dimension_names=("x",))
    consolidate(tmp_path / "a.zarr")
    for name in (None, "0"):
        assert xr.open_zarr(tmp_path / "a.zarr", group=name, consolidated=True).value.values.tolist() == [1, 2]

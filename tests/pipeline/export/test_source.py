"""What can be exported of a cube: the arrays of pixels that it has."""

from datetime import date

import numpy as np
import pytest
import rasterio
import xarray as xr
from made_versions import LAYOUT, ORIGIN, mapped, plain, published

from pipeline.analysis.query import point
from pipeline.cube import store, versions
from pipeline.cube.checked_store import session_group
from pipeline.cube.create import add_change_layer
from pipeline.cube.cube import Cube
from pipeline.cube.open import open_cube
from pipeline.errors import UserError
from pipeline.export.cog import export_cog
from pipeline.export.plain_zarr import export_zarr
from pipeline.export.source import open_source
from pipeline.geometry.grid import transformer

DAY = date(2024, 8, 3)


def changed(cube):
    """A map of one class of which 5 % changed on a day, in a square; returns the layer's two arrays."""
    branch, time, base = mapped(cube, plain())
    session = cube.repository.writable_session(branch)
    group = session_group(session)
    add_change_layer(group, LAYOUT)
    change_HW = np.zeros(LAYOUT.extent.shape, np.uint8)
    change_HW[100:300, 200:400] = 83
    store.array(group, "change")[time] = change_HW
    store.array(group, "change_day")[time] = np.where(change_HW, (DAY - date(1970, 1, 1)).days, 0)
    session.commit("change")
    versions.publish(cube, branch, base, ORIGIN)
    return change_HW[:512, :700]


def test_a_cube_without_a_change_layer_names_the_arrays_it_has(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    published(cube, plain())
    assert "change" not in open_source(cube).names
    assert "change" not in open_cube(tmp_path / "cube")
    with pytest.raises(UserError, match="the cube has no array 'change'; give one of mosaic, landcover"):
        open_source(cube).pyramid("change")


def test_the_change_layer_is_opened_asked_and_exported_with_its_days(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    change_HW = changed(cube)
    opened = open_cube(tmp_path / "cube")
    assert (opened.change[0].values == change_HW).all()
    assert (opened.change_day[0].values[change_HW > 0] == np.datetime64(DAY)).all()
    assert np.isnat(opened.change_day[0].values[change_HW == 0]).all()
    lonlat = transformer(LAYOUT.extent.grid.crs, "EPSG:4326").transform
    seen, unseen = (point(tmp_path / "cube", *lonlat(3005, -10 * row - 5)).periods[0] for row in (200, 400))
    assert (seen.change_percent, seen.change_day) == (83, DAY)
    assert (unseen.change_percent, unseen.change_day) == (0, None)
    export_cog(cube, tmp_path / "change.tif", "change")
    with rasterio.open(tmp_path / "change.tif") as file:
        assert (file.read(1) == change_HW).all()
    export_zarr(cube, tmp_path / "change.zarr", ["change", "change_day"])
    plain_zarr = xr.open_zarr(tmp_path / "change.zarr", group="0", mask_and_scale=False)
    assert {"change", "change_day"} <= set(plain_zarr) and "landcover" not in plain_zarr
    assert (plain_zarr.change[0].values[:512, :700] == change_HW).all()

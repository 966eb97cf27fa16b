import json
from datetime import date

import numpy as np
import odc.geo.xr  # noqa: F401 it adds the accessor
import pytest
import rioxarray  # noqa: F401 it adds the accessor
import xarray as xr
import zarr
from made_maps import patches, publish
from made_versions import CLASSES, SUMMER

from pipeline.cube.cube import Cube
from pipeline.cube.damage import DamagedChunk
from pipeline.cube.open import open_cube
from pipeline.export.plain_zarr import export_zarr

LATER = date(2025, 5, 1), date(2025, 8, 31)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A cube of two periods."""
    cube = Cube.create(tmp_path_factory.mktemp("zarr") / "cube")
    publish(cube, patches())
    publish(cube, patches(2), LATER, "b")
    return cube


def arrays(group):
    return {path: node for path, node in group.members(None) if isinstance(node, zarr.Array)}


def test_all_of_a_version_is_there_to_read_without_icechunk(both, tmp_path):
    done = export_zarr(both, tmp_path / "map.zarr")
    assert done.periods == [SUMMER[0], LATER[0]]
    group = zarr.open_group(tmp_path / "map.zarr", mode="r")
    assert group.metadata.consolidated_metadata is not None
    source = arrays(both.group())
    assert source.keys() == arrays(group).keys()
    for path, node in source.items():
        copy = group[path]
        assert (copy.metadata.to_dict(), copy.shape) == (node.metadata.to_dict(), node.shape), path
        assert (np.asarray(copy[...]) == np.asarray(node[...])).all(), path
    assert dict(group.attrs) == dict(both.group().attrs)


def test_one_period_and_the_arrays_that_are_named(both, tmp_path):
    done = export_zarr(both, tmp_path / "map.zarr", ["landcover"], start=LATER[0])
    assert (done.periods, done.arrays) == ([LATER[0]], ["landcover"])
    group = zarr.open_group(tmp_path / "map.zarr", mode="r")
    assert {path for path in arrays(group) if path.endswith(("landcover", "coarse", "mosaic", "confidence"))} == {
        "0/landcover",
        "1/landcover",
    }
    assert (np.asarray(group["0/landcover"])[:, :512, :700] == patches(2)[None, :512, :700]).all()
    with xr.open_zarr(tmp_path / "map.zarr", group="0") as dataset:
        assert str(dataset.time.values[0])[:10] == str(LATER[0])
        assert dataset.sizes["time"] == 1


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
def test_tools_read_crs_transform_nodata_and_classes_from_each_level(both, tmp_path):
    export_zarr(both, tmp_path / "map.zarr")
    for level, size in (("0", 10), ("1", 20)):
        plain = zarr.open_group(tmp_path / "map.zarr", mode="r")[f"{level}/landcover"]
        assert plain.attrs["proj:code"] == "EPSG:3035"
        assert plain.attrs["spatial:transform"] == [size, 0, 0, 0, -size, 0]
        assert (plain.fill_value, plain.attrs["flag_values"]) == (0, [row["code"] for row in CLASSES])
        with xr.open_zarr(tmp_path / "map.zarr", group=level, mask_and_scale=False, decode_coords="all") as dataset:
            map_ = dataset.landcover
            assert map_.rio.crs.to_epsg() == map_.odc.geobox.crs.to_epsg() == 3035
            assert tuple(map_.rio.transform())[:6] == tuple(map_.odc.geobox.affine)[:6] == (size, 0, 0, 0, -size, 0)
            assert map_.rio.nodata == 0
            assert map_.attrs["flag_meanings"] == "Tree Grass Water"


class Stop(Exception):
    pass


def test_an_interrupted_export_goes_on_and_copies_no_shard_again(both, tmp_path):
    def stop(done, total, what):
        if done >= 9:
            raise Stop

    with pytest.raises(Stop):
        export_zarr(both, tmp_path / "map.zarr", workers=1, progress=stop)
    partial = tmp_path / "map.zarr.partial"
    shards = [path for path in partial.rglob("*") if "c" in path.parts and path.is_file()]
    before = {path.relative_to(partial): path.stat().st_ino for path in shards}
    assert len(before) >= 9
    export_zarr(both, tmp_path / "map.zarr", workers=1)
    assert {path: (tmp_path / path).stat().st_ino for path in before} == before
    export_zarr(both, tmp_path / "whole.zarr")
    for file in (tmp_path / "whole.zarr").rglob("*"):
        other = tmp_path / "map.zarr" / file.relative_to(tmp_path / "whole.zarr")
        assert file.is_dir() or other.read_bytes() == file.read_bytes(), file


def test_a_damaged_shard_is_told_and_not_copied(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    publish(cube, patches())
    chunk = max((tmp_path / "cube" / "store" / "chunks").iterdir(), key=lambda file: file.stat().st_size)
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    with pytest.raises(DamagedChunk):
        export_zarr(Cube.open(tmp_path / "cube"), tmp_path / "map.zarr")
    assert not (tmp_path / "map.zarr").exists()


def test_the_export_is_the_pixels_of_the_open_cube(both, tmp_path):
    export_zarr(both, tmp_path / "map.zarr", ["landcover"])
    opened = open_cube(both.location)
    with xr.open_zarr(tmp_path / "map.zarr", group="0", mask_and_scale=False) as dataset:
        cropped = dataset.landcover.sel(y=opened.y, x=opened.x)
        assert (cropped.values == opened.landcover.values).all()
    assert json.loads((tmp_path / "map.zarr" / "zarr.json").read_text())["consolidated_metadata"]

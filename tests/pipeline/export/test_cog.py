"""Cloud Optimized GeoTIFFs; with their `parts.py` and `vrt.py`."""

import subprocess
from dataclasses import replace
from datetime import datetime
from xml.etree import ElementTree

import made_versions
import numpy as np
import odc.geo.xr  # noqa: F401 it adds the accessor
import pystac
import pytest
import rasterio
import rioxarray
from made_maps import publish
from made_versions import CLASSES, LAYOUT
from rio_cogeo import cog_validate

from catalogs.items.provider import Unit
from pipeline.cube import store
from pipeline.cube.cube import Cube
from pipeline.errors import RunError
from pipeline.export.cog import export_cog
from pipeline.export.parts import overview_count, region_window
from pipeline.export.source import open_source
from pipeline.export.stac import _add_cog
from pipeline.geometry.grid import Window

PLACE = (10, 0, 0, 0, -10, 0)


def inodes(folder):
    return {file.relative_to(folder): file.stat().st_ino for file in folder.rglob("*.tif") if file.stat().st_size}


@pytest.fixture(scope="module")
def file(cube, tmp_path_factory):
    path = tmp_path_factory.mktemp("cog") / "map.tif"
    export_cog(cube, path)
    return path


def test_it_is_a_valid_cog_and_nothing_else_is_left(file):
    assert cog_validate(file, strict=True) == (True, [], [])
    assert sorted(path.name for path in file.parent.iterdir()) == ["map.tif", "map.tif.aux.xml"]


def test_pixels_place_nodata_and_overviews_are_those_of_the_cube(cube, file, landcover_HW):
    with rasterio.open(file) as dataset:
        assert dataset.crs.to_epsg() == 3035
        assert tuple(dataset.transform)[:6] == PLACE
        assert (dataset.nodata, dataset.dtypes, dataset.shape) == (0, ("uint8",), (512, 700))
        assert (dataset.read(1) == landcover_HW[:512, :700]).all()
        assert dataset.overviews(1) == [2]
    with rasterio.open(file, overview_level=0) as half:
        level = np.asarray(store.array(cube.group(), "landcover", 1))[0, :256, :350]
        assert (half.read(1) == level).all()
        assert level.any()


def test_colours_and_class_names_travel_with_it(file):
    with rasterio.open(file) as dataset:
        assert dataset.colormap(1)[CLASSES[0]["code"]] == (0, 0, 0, 255)
        assert dataset.colormap(1)[0][3] == 0
        assert {k: v for k, v in dataset.tags().items() if k.startswith("CLASS")} == {
            f"CLASS_{row['code']}": row["name"] for row in CLASSES
        }
    side = ElementTree.parse(file.with_name("map.tif.aux.xml"))
    names = [each.text or "" for each in side.iter("Category")]
    assert {code: name for code, name in enumerate(names) if name} == {
        0: "no data",
        **{row["code"]: row["name"] for row in CLASSES},
    }
    rows = [[cell.text for cell in row] for row in side.iter("Row")]
    assert [(int(row[0]), row[1]) for row in rows] == [(row["code"], row["name"]) for row in CLASSES]


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
def test_rioxarray_and_odc_geo_read_crs_transform_and_nodata(file):
    with rioxarray.open_rasterio(file) as array:
        assert array.rio.crs.to_epsg() == array.odc.geobox.crs.to_epsg() == 3035
        assert tuple(array.rio.transform())[:6] == tuple(array.odc.geobox.affine)[:6] == PLACE
        assert array.rio.nodata == 0


def test_an_array_without_levels_and_one_of_several_bands_are_cogs_too(cube, tmp_path, landcover_HW):
    for name, expected in (("mosaic", landcover_HW.astype(np.uint16) * 7), ("confidence", (landcover_HW > 0) * 90)):
        export_cog(cube, tmp_path / f"{name}.tif", name)
        assert cog_validate(tmp_path / f"{name}.tif", strict=True) == (True, [], [])
        with rasterio.open(tmp_path / f"{name}.tif") as dataset:
            assert (dataset.read(1) == expected[:512, :700]).all()
            assert dataset.descriptions[0] == {"mosaic": "red"}.get(name, dataset.descriptions[0])
            assert dataset.nodata == 0
    assert not (tmp_path / "mosaic.tif.aux.xml").exists()


@pytest.fixture
def heights(tmp_path, monkeypatch, landcover_HW):
    """A cube whose mosaic counts heights in half metres from -100 m."""
    monkeypatch.setattr(made_versions, "LAYOUT", replace(LAYOUT, unit=Unit("height", 0.5, -100)))
    cube = Cube.create(tmp_path / "cube")
    publish(cube, landcover_HW)
    return cube


@pytest.mark.parametrize(
    ("name", "unit", "scale", "offset"), [("mosaic", None, 0.5, -100), ("first_clear", "days since 1970-01-01", 1, 0)]
)
def test_unit_scale_and_offset_travel_with_it(heights, tmp_path, name, unit, scale, offset):
    export_cog(heights, tmp_path / "one.tif", name)
    tiles = export_cog(heights, tmp_path / "tiles", name, tile=1)
    for file in (tmp_path / "one.tif", tiles.path / f"{name}.vrt"):
        with rasterio.open(file) as dataset:
            assert (dataset.units, dataset.scales, dataset.offsets) == ((unit,), (scale,), (offset,))


def test_a_stac_asset_tells_scale_and_offset(heights, tmp_path):
    cog = tmp_path / "one.tif"
    export_cog(heights, cog, "mosaic")
    item = pystac.Item("here", None, None, datetime(2024, 5, 1), {})
    _add_cog(item, open_source(heights, None, None), "mosaic", cog)
    fields = item.assets["mosaic"].extra_fields
    assert (fields["raster:scale"], fields["raster:offset"]) == (0.5, -100)


def test_tiles_are_cogs_of_whole_blocks_and_a_virtual_raster_of_all(cube, tmp_path, landcover_HW):
    done = export_cog(cube, tmp_path / "tiles", tile=2)
    tiles = sorted(path.name for path in done.path.glob("*.tif"))
    assert tiles == ["landcover-0-0.tif", "landcover-0-1.tif"]
    assert all(cog_validate(done.path / name, strict=True)[0] for name in tiles)
    with rasterio.open(done.path / "landcover-0-1.tif") as dataset:
        assert tuple(dataset.transform)[:6] == (10, 0, 5120, 0, -10, 0)
        assert (dataset.read(1) == landcover_HW[:512, 512:700]).all()
    with rasterio.open(done.path / "landcover.vrt") as dataset:
        assert (dataset.read(1) == landcover_HW[:512, :700]).all()


class Stop(Exception):
    pass


@pytest.mark.parametrize("tile", [None, 1])
def test_an_interrupted_export_goes_on_to_the_same_bytes_and_does_no_part_again(cube, tmp_path, tile):
    name = "map.tif" if tile is None else "map"
    whole = export_cog(cube, tmp_path / f"whole-{name}", tile=tile, workers=1).path

    def stop(done, total, what):
        if done == 3:
            raise Stop

    with pytest.raises(Stop):
        export_cog(cube, tmp_path / name, tile=tile, workers=1, progress=stop)
    partial = tmp_path / f"{name}.partial"
    before, kept = inodes(partial), []
    assert len(before) >= 3

    def look(done, total, what):
        kept.append({file: inode for file, inode in inodes(partial).items() if file in before})

    assert not (tmp_path / name).exists()
    export_cog(cube, tmp_path / name, tile=tile, workers=1, progress=look)
    assert kept[0] == before
    assert not partial.exists()
    files = [whole] if tile is None else sorted(whole.iterdir())
    for file in files:
        other = tmp_path / name if tile is None else tmp_path / name / file.name
        assert file.read_bytes() == other.read_bytes(), file.name


@pytest.fixture
def disk(tmp_path):
    """A disk of its own; a function that sets its size in KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a disk")
    yield folder, lambda size: subprocess.run(["mount", "-o", f"remount,size={size}k", folder], check=True)
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("room", [16, 40, 48, 56, 64, 72])
def test_a_full_disk_is_one_sentence_and_the_same_call_goes_on_when_there_is_room(cube, tmp_path, disk, room):
    whole = export_cog(cube, tmp_path / "map.tif").path.read_bytes()
    folder, resize = disk
    resize(room)
    with pytest.raises(RunError, match=r"map.tif cannot be written .*; make room and give the same command again"):
        export_cog(cube, folder / "map.tif")
    assert not (folder / "map.tif").exists()
    resize(2048)
    export_cog(cube, folder / "map.tif")
    assert (folder / "map.tif").read_bytes() == whole
    assert cog_validate(folder / "map.tif", strict=True)[0]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (Window(0, 0, 512, 700), (Window(0, 0, 512, 700), 1)),
        (Window(3, 5, 509, 699), (Window(2, 4, 510, 700), 1)),
        (Window(201, 203, 300, 300), (Window(201, 203, 300, 300), 0)),
        (Window(1001, -901, 6003, -800), (Window(224, 112, 5248, 224), 4)),
    ],
)
def test_the_window_starts_on_a_whole_pixel_of_each_overview(cube, window, expected):
    layout = replace(LAYOUT, extent=replace(LAYOUT.extent, window=window))
    region = region_window(replace(open_source(cube), layout=layout))
    assert (region, overview_count(region)) == expected

from dataclasses import replace

import geopandas
import made_maps
import made_versions
import numpy as np
import pyogrio
import pytest
from command import run_here, sentence
from made_maps import patches, publish
from scipy import ndimage

from pipeline.cube.cube import Cube
from pipeline.errors import UserError
from pipeline.export.target import PARTS
from pipeline.export.vector import export_polygons
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window


@pytest.fixture(scope="module")
def table(cube, tmp_path_factory):
    return geopandas.read_parquet(export_polygons(cube, tmp_path_factory.mktemp("vector") / "map.parquet").path)


def test_each_connected_area_is_one_polygon_across_blocks(table, landcover_HW):
    expected = {
        code: sorted(np.bincount(ndimage.label(landcover_HW == code)[0].ravel())[1:].tolist()) for code in (10, 30, 80)
    }
    assert {code: sorted(rows.pixels) for code, rows in table.groupby("code")} == expected
    assert table.crs.to_epsg() == 3035
    assert set(zip(table["code"], table["class"], strict=True)) == {(10, "Tree"), (30, "Grass"), (80, "Water")}
    assert (table.hectares == table.pixels * 0.01).all()
    assert table.geometry.is_valid.all()
    assert table.geometry.area.sum() == pytest.approx(table.pixels.sum() * 100, rel=0.01)


@pytest.mark.parametrize("suffix", [".gpkg", ".pmtiles"])
def test_other_formats_hold_the_same_areas(cube, tmp_path, table, suffix):
    file = export_polygons(cube, tmp_path / f"map{suffix}", ["Water"], min_area=2.0).path
    read = pyogrio.read_dataframe(file)
    wanted = table[(table["class"] == "Water") & (table.hectares >= 2.0)]
    assert set(read["class"]) == {"Water"}
    if suffix == ".gpkg":
        assert read.crs.to_epsg() == 3035
        assert sorted(read.pixels) == sorted(wanted.pixels)
    else:
        assert read.crs.to_epsg() == 3857
        assert set(read.pixels) == set(wanted.pixels)


def test_tiles_cut_the_areas_at_their_borders_and_lose_nothing(cube, tmp_path, table):
    cut = geopandas.read_parquet(export_polygons(cube, tmp_path / "map.parquet", tile=2).path)
    assert len(cut) > len(table)
    assert cut.groupby("class").pixels.sum().to_dict() == table.groupby("class").pixels.sum().to_dict()
    borders = cut.geometry.bounds
    assert not ((borders.minx < 5120) & (borders.maxx > 5120)).any()


@pytest.mark.parametrize(
    ("crs", "window"),
    [("EPSG:32701", Window(-812_032, 17_920, -811_520, 18_620)), ("EPSG:3031", Window(-256, -256, 256, 444))],
)
def test_a_map_that_web_mercator_cuts_is_not_written_as_pmtiles(tmp_path, monkeypatch, crs, window):
    for module in (made_versions, made_maps):
        layout = replace(made_versions.LAYOUT, extent=Extent(Grid(crs, 10, 256), window))
        monkeypatch.setattr(module, "LAYOUT", layout)
    cube = Cube.create(tmp_path / "cube")
    publish(cube, patches(side=64))
    with pytest.raises(UserError, match=r"across the antimeridian or around a pole, .* name a .gpkg or .parquet file"):
        export_polygons(cube, tmp_path / "map.pmtiles")
    assert [path.name for path in tmp_path.iterdir()] == ["cube"]
    assert export_polygons(cube, tmp_path / "map.gpkg").path.exists()


class Stop(Exception):
    pass


@pytest.mark.parametrize("suffix", [".parquet", ".gpkg"])
def test_an_interrupted_export_goes_on_to_the_same_bytes(tmp_path, suffix):
    cube = Cube.create(tmp_path / "cube")
    publish(cube, patches(side=24))

    def stop(done, total, what):
        raise Stop

    with pytest.raises(Stop):
        export_polygons(cube, tmp_path / f"a{suffix}", workers=1, progress=stop)
    made = {part: part.stat().st_ino for part in (tmp_path / f"a{suffix}.partial" / PARTS).glob("*.npz")}
    assert made

    def look(done, total, what):
        assert {part: part.stat().st_ino for part in made} == made

    export_polygons(cube, tmp_path / f"a{suffix}", workers=1, progress=look)
    export_polygons(cube, tmp_path / f"b{suffix}", workers=2)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--vector", "map.shp"), "ends in .shp; this export is named with .parquet or .gpkg or .pmtiles"),
        (("--vector", "map.gpkg", "--class", "Trees"), "no class 'Trees'; give some of Tree, Grass, Water"),
        (("--vector", "map.gpkg", "--array", "mosaic"), "polygons are those of landcover, not mosaic"),
        (("--cog", "map.tif", "--class", "Tree"), "are for polygons; give them with --vector"),
        (("--cog", "map.tif", "--vector", "map.gpkg"), "one export is written at a time"),
        (("--zarr", "map.zarr", "--tile", "2"), "--tile cuts what --cog or --vector write"),
        ((), "one export is written at a time; give one of --cog FILE.tif"),
    ],
)
def test_wrong_use_is_one_sentence(cube, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert said in sentence(run_here("export", cube.location, *arguments), 2)
    assert list(tmp_path.iterdir()) == []

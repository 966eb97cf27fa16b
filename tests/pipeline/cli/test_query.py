import geopandas
import made_versions as made
import pytest
import rasterio
import shapely
from command import run_here, sentence

from pipeline.cube.cube import Cube


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("query")
    made.published(Cube.create(folder / "cube"), made.plain(30))
    zone = geopandas.GeoDataFrame(geometry=[shapely.box(1000, -2000, 3000, -500)], crs=3035)
    zone.to_file(folder / "zone.gpkg")
    return folder


def test_a_polygon_is_written_as_geotiff(folder, tmp_path):
    done = run_here("query", folder / "cube", "--polygon", folder / "zone.gpkg", "--out", tmp_path / "zone.tif")
    assert done.returncode == 0, done.stderr
    assert "150 x 200 pixels" in done.stdout
    with rasterio.open(tmp_path / "zone.tif") as opened:
        assert (opened.read(1) == 30).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give one of --point, --bbox and --polygon"),
        (["--polygon", "zone.gpkg"], "give --out FILE.tif"),
        (["--polygon", "zone.gpkg", "--out", "zone.png"], "ends in .tif"),
        (["--bbox", "1,2,3", "--out", "zone.tif"], "give W,S,E,N in degrees"),
        (["--bbox", "100,10,101,11", "--out", "zone.tif"], "does not touch the cube's region"),
        (["--polygon", "zone.gpkg", "--out", "zone.tif", "--array", "mosaic"], "there is no map 'mosaic'"),
        (["--point", "12", "--out", "zone.tif"], "are for --bbox and --polygon"),
    ],
)
def test_wrong_use_is_one_sentence(folder, arguments, words):
    assert words in sentence(run_here("query", folder / "cube", *arguments, folder=folder), 2)
    assert not list(folder.glob("*.tif"))

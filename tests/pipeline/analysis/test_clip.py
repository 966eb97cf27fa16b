import geopandas
import made_versions as made
import numpy as np
import pytest
import rasterio
import shapely

from pipeline.analysis.clip import clip, clip_box, clip_file, time_of, write_geotiff
from pipeline.cube.cube import Cube
from pipeline.errors import RunError, UserError


def code_map():
    code_HW = made.plain(10)
    code_HW[100:300, 200:400] = 30
    return code_HW


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    cube = Cube.create(tmp_path_factory.mktemp("clip") / "cube")
    made.published(cube, code_map())
    return cube


def test_a_polygon_keeps_the_pixels_whose_centre_it_holds(cube):
    shape = shapely.Polygon([(1000, -1000), (4000, -1500), (3500, -4000), (1500, -3000)])
    part = clip(cube, shape, crs="EPSG:3035")
    x_HW, y_HW = np.meshgrid((np.arange(768) + 0.5) * 10, -(np.arange(512) + 0.5) * 10)
    expected_HW = np.where(shapely.contains_xy(shape, x_HW, y_HW), code_map(), 0)[100:400, 100:400]
    assert np.array_equal(part.landcover.values[0], expected_HW)
    assert np.isnat(part.first_clear.values).all()
    assert part.x.values[0] == 1005


def test_a_box_across_the_region_s_border_is_cut_to_the_region(cube):
    lonlat = geopandas.GeoSeries([shapely.box(5000, -3000, 9000, 1000)], crs=3035).to_crs(4326).total_bounds
    part = clip_box(cube, tuple(lonlat))
    assert 200 <= part.sizes["x"] < 700
    assert (part.landcover.values[0, :, -5:] == 10).any()
    assert (clip_box(cube, (-170, -60, 170, 60)).landcover.values[0] == code_map()[:, :700]).all()
    with pytest.raises(UserError, match="does not touch the cube's region"):
        clip_box(cube, (100, 10, 101, 11))


def test_a_geotiff_has_the_place_the_codes_and_the_colours(cube, tmp_path):
    file = tmp_path / "zone.gpkg"
    geopandas.GeoDataFrame(geometry=[shapely.box(1000, -2000, 3000, -500)], crs=3035).to_file(file)
    part = clip_file(cube, file)
    write_geotiff(part, "landcover", 0, tmp_path / "zone.tif")
    with rasterio.open(tmp_path / "zone.tif") as opened:
        assert opened.crs.to_epsg() == 3035
        assert opened.bounds == (1000, -2000, 3000, -500)
        assert opened.nodata == 0
        assert np.array_equal(opened.read(1), code_map()[50:200, 100:300])
        assert opened.colormap(1)[30] == (0, 0, 0, 255)
    with pytest.raises(UserError, match="there is no map 'mosaic'; name one of"):
        write_geotiff(part, "mosaic", 0, tmp_path / "mosaic.tif")
    with pytest.raises(RunError, match="cannot be written"):
        write_geotiff(part, "landcover", 0, tmp_path / "nowhere" / "zone.tif")
    assert not list(tmp_path.glob("*.part"))
    assert time_of(part, made.SUMMER[0]) == time_of(part, None) == 0
    with pytest.raises(UserError, match="no period from 2024-08-31; give one of 2024-05-01"):
        time_of(part, made.SUMMER[1])

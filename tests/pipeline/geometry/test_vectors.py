import json

import geopandas
import pandas
import pytest
import shapely

from pipeline.errors import UserError
from pipeline.geometry.vectors import POINTS, SQLITE, column, read_vectors

FIELD = shapely.box(10, 48, 10.1, 48.1)
HOLED = FIELD.buffer(0.1).difference(FIELD)
ZONES = geopandas.GeoDataFrame({"name": ["field", None, "none"]}, geometry=[FIELD, HOLED, None], crs=4326)


def written(frame, file):
    frame.to_parquet(file) if file.suffix == ".parquet" else frame.to_file(file)
    return file


@pytest.mark.parametrize("name", ["zones.geojson", "zones.gpkg", "zones.shp", "zones.parquet"])
def test_all_formats_give_the_same_features_in_the_file_s_crs(tmp_path, name):
    frame = read_vectors(written(ZONES.to_crs(3035), tmp_path / name))
    assert frame.crs.to_epsg() == 3035
    assert shapely.equals_exact(frame.to_crs(4326).geometry[0].normalize(), FIELD.normalize(), tolerance=1e-6)
    assert frame.geometry[2].is_empty
    assert column(frame, "name", name) == ["field", "", "none"]


@pytest.mark.parametrize("dtype", ["Int64", "string", "boolean", "Float64", "category"])
def test_a_value_that_is_none_is_no_text_in_columns_of_every_type(tmp_path, dtype):
    file = written(ZONES.assign(name=pandas.array([1, None, 1]).astype(dtype)), tmp_path / "zones.parquet")
    assert [name == "" for name in column(read_vectors(file), "name", file)] == [False, True, False]


def test_a_layer_is_named_where_a_geopackage_has_several(tmp_path):
    for layer in ("districts", "fields"):
        ZONES.to_file(tmp_path / "two.gpkg", layer=layer)
    with pytest.raises(UserError, match="2 layers; name one of its layers: districts, fields"):
        read_vectors(tmp_path / "two.gpkg")
    with pytest.raises(UserError, match="no layer 'roads'"):
        read_vectors(tmp_path / "two.gpkg", layer="roads")
    assert len(read_vectors(tmp_path / "two.gpkg", layer="fields")) == 3


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.parametrize("name", ["zones.gpkg", "zones.shp", "zones.parquet"])
def test_zones_without_crs_are_refused(tmp_path, name):
    with pytest.raises(UserError, match="has no CRS"):
        read_vectors(written(ZONES.set_crs(None, allow_override=True), tmp_path / name))


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        (shapely.Point(10, 48), "feature 1 of .* is a Point; give Polygon or MultiPolygon alone"),
        (shapely.LineString([(10, 48), (11, 48)]), "is a LineString"),
        (shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "no valid polygon .Self-intersection"),
    ],
)
def test_what_is_no_zone_is_refused(tmp_path, shape, sentence):
    file = written(geopandas.GeoDataFrame(geometry=[shape], crs=4326), tmp_path / "zones.geojson")
    with pytest.raises(UserError, match=sentence):
        read_vectors(file)


def test_points_are_read_where_points_are_asked_for(tmp_path):
    file = written(geopandas.GeoDataFrame(geometry=[shapely.Point(10, 48)], crs=4326), tmp_path / "points.geojson")
    assert read_vectors(file, POINTS).geometry[0].x == 10


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("zones.vrt", b"<OGRVRTDataSource></OGRVRTDataSource>", "is no GeoJSON, GeoPackage"),
        ("zones.geojson", b'{"type": "Feature', "cannot be read as GeoJSON"),
        ("zones.json", b'{"a": 1}', "cannot be read as GeoJSON"),
        ("zones.csv", b"a,b\n1,2\n", "is no GeoJSON, GeoPackage"),
        ("zones.parquet", b"PAR1 and nothing else", "cannot be read as GeoJSON"),
        ("zones.gpkg", SQLITE + b"cut", "cannot be read as GeoJSON"),
        ("empty.geojson", b"", "is no GeoJSON, GeoPackage"),
        ("none.geojson", b'{"type": "FeatureCollection", "features": []}', "has no features"),
    ],
)
def test_what_is_no_vector_file_is_told_in_a_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        read_vectors(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["/vsizip/zones.zip/zones.shp", "/vsicurl/http://127.0.0.1/zones.json", "nowhere.gpkg"]
)
def test_only_files_of_this_machine_are_read(name):
    with pytest.raises(UserError, match="there is no file"):
        read_vectors(name)


def test_a_table_without_geometries_and_a_column_that_is_not_there_are_told(tmp_path):
    pandas.DataFrame({"a": [1]}).to_parquet(tmp_path / "table.parquet")
    with pytest.raises(UserError, match="cannot be read"):
        read_vectors(tmp_path / "table.parquet")
    with pytest.raises(UserError, match="no column 'region'; it has name"):
        column(ZONES, "region", "zones.gpkg")


def test_an_old_crs_member_of_geojson_is_honoured(tmp_path):
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3035"}}
    feature = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(shapely.box(0, 0, 10, 10))}
    file = tmp_path / "old.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [feature]}))
    assert read_vectors(file).crs.to_epsg() == 3035

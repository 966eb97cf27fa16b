import json
import os

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from catalogs import CatalogError, area

RING = [[10.0, 45.0], [12.0, 45.0], [12.0, 46.0], [10.0, 46.0], [10.0, 45.0]]
SQUARE = {"type": "Polygon", "coordinates": [RING]}

longitudes = st.integers(-180, 180).map(float)
latitudes = st.integers(-90, 90).map(float)


def written(tmp_path, document):
    path = tmp_path / "area.geojson"
    path.write_text(json.dumps(document))
    return path


@given(longitudes, latitudes, longitudes, latitudes, st.tuples(st.floats(-179, 179), st.floats(-89, 89)))
def test_a_box_holds_the_points_between_its_sides_also_across_the_antimeridian(west, south, east, north, point):
    if west == east or south >= north or (west, east) == (180.0, -180.0):
        return
    box = area.bbox_polygon(west, south, east, north)
    x, y = point
    between = west <= x <= east if west < east else x >= west or x <= east
    assert shapely.intersects(box, shapely.Point(x, y)) == (between and south <= y <= north)
    assert box.bounds[0] >= -180
    assert box.bounds[2] <= 180


def test_a_box_across_the_antimeridian_has_two_parts():
    box = area.bbox_polygon(179, -20, -178, -10)
    assert [part.bounds for part in box.geoms] == [(-180, -20, -178, -10), (179, -20, 180, -10)]
    assert area.bbox_polygon(179, -20, -180, -10).bounds == (179, -20, 180, -10)


@pytest.mark.parametrize(
    "document",
    [
        SQUARE,
        {"type": "MultiPolygon", "coordinates": [[RING]]},
        {"type": "Feature", "properties": {}, "geometry": SQUARE},
        {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": None, "geometry": SQUARE}] * 2},
    ],
)
def test_a_file_gives_its_polygons_as_one_area(tmp_path, document):
    assert shapely.equals(area.read_polygon(written(tmp_path, document)), shapely.box(10, 45, 12, 46))


def ring(west, east):
    return [[west, -20.0], [east, -20.0], [east, -10.0], [west, -10.0], [west, -20.0]]


BOXES = [(179.6, -17, -179.6, -16.6), (170, 50, -130, 60), (-180, -60, 180, 60), (11, 48, 12, 49), (179, -20, 180, -10)]


@pytest.mark.parametrize("box", BOXES)
def test_the_bbox_of_a_box_is_itself_also_across_the_antimeridian(box):
    assert area.bbox_of(area.bbox_polygon(*box)) == box


def test_the_bbox_of_islands_leaves_out_the_widest_sea():
    islands = shapely.union_all(
        [shapely.box(*sides) for sides in ((-180, 0, -179, 1), (-40, 5, -39, 6), (178, 0, 180, 1))]
    )
    assert area.bbox_of(islands) == (178, 0, -39, 6)
    assert area.bbox_of(shapely.union_all([shapely.box(-9, 0, -8, 1), shapely.box(8, 0, 9, 1)])) == (-9, 0, 9, 1)


@pytest.mark.parametrize("sides", [(-178.0, 179.0), (-100.0, 81.0), (-180.0, 180.0)])
def test_a_ring_of_a_file_wider_than_180_degrees_is_refused_and_not_taken_for_the_other_side(tmp_path, sides):
    document = {"type": "MultiPolygon", "coordinates": [[RING], [ring(*sides)]]}
    said = rf"from longitude {sides[0]:g} to {sides[1]:g}, .* cut it at the antimeridian .* or give a bbox"
    with pytest.raises(CatalogError, match=said):
        area.read_polygon(written(tmp_path, document))


def test_polygons_of_a_file_that_are_cut_at_the_antimeridian_stand_as_they_are(tmp_path):
    parts = [[ring(179.0, 180.0)], [ring(-180.0, -178.0)], [ring(-100.0, 80.0)]]
    expected = shapely.union(area.bbox_polygon(179, -20, -178, -10), shapely.box(-100, -20, 80, -10))
    assert shapely.equals(
        area.read_polygon(written(tmp_path, {"type": "MultiPolygon", "coordinates": parts})), expected
    )


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"type": "Point", "coordinates": [1, 2]}, "is Point, but it must be a Polygon or MultiPolygon"),
        ({"type": "Feature", "geometry": None}, "not GeoJSON"),
        ({"type": "FeatureCollection", "features": []}, "holds no polygon"),
        ({"type": "Polygon", "coordinates": [[[170, 0], [190, 0], [190, 1], [170, 0]]]}, r"beyond longitude \+-180"),
        ({"type": "Polygon", "coordinates": [[[1, 0], [2, 0], [1, 0], [1, 0]]]}, "covers no ground"),
        ({"type": "Polygon", "coordinates": []}, "not empty"),
        ({"type": "Polygon", "coordinates": [[[1, None], [2, 0]]]}, "not GeoJSON"),
        ([1, 2], "not GeoJSON"),
        ("text", "not GeoJSON"),
    ],
)
def test_a_file_that_holds_no_area_is_refused_in_one_sentence(tmp_path, document, said):
    with pytest.raises(CatalogError, match=said) as refused:
        area.read_polygon(written(tmp_path, document))
    assert "area.geojson" in str(refused.value)
    assert "\n" not in str(refused.value)


def named(crs, member="crs"):
    return {"type": "FeatureCollection", member: crs, "features": [{"type": "Feature", "geometry": SQUARE}]}


def old_crs(name):
    return {"type": "name", "properties": {"name": name}}


@pytest.mark.parametrize(
    "crs",
    [
        None,
        old_crs("urn:ogc:def:crs:OGC:1.3:CRS84"),
        old_crs("urn:ogc:def:crs:OGC::CRS84"),
        old_crs("http://www.opengis.net/def/crs/OGC/1.3/CRS84"),
        old_crs("OGC:CRS84"),
        old_crs("EPSG:4326"),
        {"type": "EPSG", "properties": {"code": 4326}},
    ],
)
def test_a_file_in_longitude_and_latitude_may_say_so(tmp_path, crs):
    assert shapely.equals(area.read_polygon(written(tmp_path, named(crs))), shapely.box(10, 45, 12, 46))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (named(old_crs("urn:ogc:def:crs:EPSG::3857")), r"in the CRS 'urn:ogc:def:crs:EPSG::3857', but .* reproject it"),
        (named(old_crs("EPSG:32633")), "in the CRS 'EPSG:32633'"),
        (named("EPSG:3857"), "in the CRS 'EPSG:3857'"),
        (named("http://www.opengis.net/def/crs/EPSG/0/25832", "coordRefSys"), "in the CRS 'http://www.opengis.net"),
        (named({"type": "link", "properties": {"href": "a.prj"}}), "in the CRS .*a.prj"),
        ({"type": "Feature", "geometry": SQUARE | {"crs": old_crs("EPSG:3035")}}, "in the CRS 'EPSG:3035'"),
        (named(old_crs("urn:ogc:def:crs:EPSG::4326")), "axes are latitude, longitude"),
        (named(old_crs("http://www.opengis.net/def/crs/EPSG/0/4326")), "axes are latitude, longitude"),
    ],
)
def test_a_file_in_another_crs_is_refused_by_its_name(tmp_path, document, said):
    with pytest.raises(CatalogError, match=said):
        area.read_polygon(written(tmp_path, document))


@pytest.mark.parametrize(
    ("ring", "said"),
    [
        ([[1669792, 6106854], [1670000, 6106854], [1670000, 6107000], [1669792, 6106854]], "as large as 6.107e.06"),
        ([[1, 1e300], [2, 0], [2, 1], [1, 1e300]], "as large as 1e.300, .* metres of a CRS, reproject"),
        ([[48, 120], [49, 120], [49, 121], [48, 120]], "latitude 121, beyond 90: give longitude, latitude"),
        (RING[:-1], "not GeoJSON: .*closed"),
        ([[1, 2, 3, 4]] * 4, "not GeoJSON"),
        ([[float("nan"), 1], [2, 0], [2, 1], [float("nan"), 1]], "not GeoJSON"),
    ],
)
def test_numbers_that_are_no_ring_of_degrees_are_refused(tmp_path, ring, said):
    with pytest.raises(CatalogError, match=said) as refused:
        area.read_polygon(written(tmp_path, {"type": "Polygon", "coordinates": [ring]}))
    assert "antimeridian" not in str(refused.value)


def test_polygons_of_a_collection_count_and_heights_do_not(tmp_path):
    high = {"type": "Polygon", "coordinates": [[[*point, 500.0] for point in RING]]}
    document = {"type": "GeometryCollection", "geometries": [high, SQUARE]}
    assert shapely.equals(area.read_polygon(written(tmp_path, document)), shapely.box(10, 45, 12, 46))
    document["geometries"].append({"type": "Point", "coordinates": [11, 45]})
    with pytest.raises(CatalogError, match="is Point, but it must be a Polygon"):
        area.read_polygon(written(tmp_path, document))


def test_a_ring_that_crosses_itself_stands_for_the_ground_it_encloses(tmp_path):
    bow = {"type": "Polygon", "coordinates": [[[10, 45], [12, 47], [12, 45], [10, 47], [10, 45]]]}
    assert area.read_polygon(written(tmp_path, bow)).area == 2


def test_what_is_no_file_or_too_large_is_refused(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(CatalogError, match="is not a file"):
            area.read_polygon(path)
    monkeypatch.setattr(area, "MAX_BYTES", 10)
    with pytest.raises(CatalogError, match="more than 0 MiB"):
        area.read_polygon(written(tmp_path, SQUARE))


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(CatalogError, match=r"no area at .*gone\.geojson: give a GeoJSON file"):
        area.read_polygon(tmp_path / "gone.geojson")
    (tmp_path / "broken.geojson").write_text("{")
    with pytest.raises(CatalogError, match=r"broken\.geojson cannot be read as GeoJSON"):
        area.read_polygon(tmp_path / "broken.geojson")
    (tmp_path / "deep.geojson").write_text("[" * 100_000)
    with pytest.raises(CatalogError, match=r"deep\.geojson cannot be read as GeoJSON"):
        area.read_polygon(tmp_path / "deep.geojson")


def test_a_bow_tie_is_made_valid():
    bow = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    assert area.as_polygon(bow).is_valid


def test_only_an_upright_rectangle_is_a_box():
    assert area.is_box(shapely.box(1, 2, 3, 4))
    assert not area.is_box(shapely.Polygon([(0, 0), (2, 1), (1, 3)]))
    assert not area.is_box(area.bbox_polygon(179, -20, -178, -10))

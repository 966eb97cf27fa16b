import numpy as np
import pytest
import shapely
from pyproj import CRS, Geod, Transformer

from pipeline.errors import UserError
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window
from pipeline.geometry.project import box_of, hectares, on_grid, whole_at_antimeridian

LONLAT = CRS(4326)
EUROPE = Extent(Grid("EPSG:3035", 10, 256), Window(-310_000, 420_000, -270_000, 450_000))


def test_an_edge_straight_in_degrees_stays_so_on_the_grid():
    (moved,) = on_grid([shapely.box(10, 48, 12, 50)], LONLAT, EUROPE, 0.01)
    lon_N = np.linspace(10, 12, 1001)
    x_N, y_N = Transformer.from_crs(4326, 3035, always_xy=True).transform(lon_N, np.full(1001, 48.0))
    distance_N = shapely.distance(moved.exterior, shapely.points(x_N, y_N))
    assert distance_N.max() < 0.011
    (corners,) = on_grid([shapely.box(10, 48, 12, 50)], LONLAT, EUROPE, 1e9)
    assert shapely.distance(corners.exterior, shapely.points(x_N, y_N)).max() > 100


def test_zones_in_the_grid_s_own_crs_are_left_as_they_are():
    zone = shapely.box(4_321_000.3, 3_000_000.1, 4_321_010, 3_000_020)
    assert on_grid([zone], CRS(3035), EUROPE, 0.01)[0] is zone


def test_hectares_are_those_of_the_ellipsoid():
    zone = shapely.box(10, 48, 12, 50)
    geodesic = abs(Geod(ellps="WGS84").geometry_area_perimeter(shapely.segmentize(zone, 1e-3))[0]) / 1e4
    assert hectares([zone, shapely.Polygon()], LONLAT) == pytest.approx([geodesic, 0], rel=1e-7)
    on_europe = on_grid([zone], LONLAT, EUROPE, 0.01)
    assert shapely.area(on_europe[0]) / 1e4 == pytest.approx(geodesic, rel=1e-6)
    assert hectares(on_europe, CRS(3035)) == pytest.approx([geodesic], rel=1e-6)


def test_a_zone_across_the_antimeridian_is_one_zone_however_it_is_written():
    fiji = Extent(Grid("EPSG:3832", 10, 256), Window(180_000, 330_000, 220_000, 340_000))
    beyond = shapely.box(179, -18, 181, -17)
    cut = shapely.MultiPolygon([shapely.box(179, -18, 180, -17), shapely.box(-180, -18, -179, -17)])
    a, b = on_grid([beyond, cut], LONLAT, fiji, 0.01)
    assert a.area == pytest.approx(b.area, rel=1e-9)
    assert a.bounds[2] - a.bounds[0] == pytest.approx(2 * 111_319.49, rel=1e-5)
    assert hectares([beyond, cut], LONLAT) == pytest.approx([hectares([shapely.box(0, 17, 2, 18)], LONLAT)[0]] * 2)


def test_an_edge_that_may_go_either_way_round_the_globe_is_refused():
    with pytest.raises(UserError, match="polygon 2 has an edge of 358 degrees"):
        whole_at_antimeridian([shapely.box(0, 0, 1, 1), shapely.box(-179, 0, 179, 1)])
    with pytest.raises(UserError, match="polygon 1 has an edge of 358 degrees"):
        whole_at_antimeridian([shapely.MultiPolygon([shapely.box(0, 2, 1, 3), shapely.box(-179, 0, 179, 1)])])


def test_a_box_goes_from_west_to_east_however_wide_it_is():
    (whole,) = on_grid([box_of((-170, -60, 170, 60))], LONLAT, EUROPE, 0.01)
    assert whole.contains(shapely.box(*EUROPE.grid.bounds(EUROPE.window)))
    (empty,) = on_grid([box_of((170, -60, -170, 60))], LONLAT, EUROPE, 0.01)
    assert empty.is_empty
    wide, narrow = hectares([box_of((-170, -60, 170, 60)), box_of((170, -60, -170, 60))], LONLAT)
    assert wide == pytest.approx(17 * narrow)


def test_hectares_do_not_tear_at_the_antimeridian_or_around_a_pole():
    holed = shapely.box(179_200, 8_115_200, 186_200, 8_120_320).difference(
        shapely.Point(182_000, 8_117_000).buffer(900)
    )
    zone = shapely.union(holed, shapely.box(300_000, 8_115_200, 301_000, 8_120_320))
    assert hectares([zone], CRS(32701)) == pytest.approx(hectares([zone], CRS(32702)), rel=1e-7)
    lon_N = np.linspace(-180, 180, 3601)[:-1]
    polar = Transformer.from_crs(4326, 3031, always_xy=True)
    circles = [shapely.Polygon(np.stack(polar.transform(lon_N, np.full(3600, lat)), axis=1)) for lat in (-89, -85)]
    caps = [shapely.box(-180, -90, 180, -89), shapely.box(-180, -89, 180, -85)]
    rings = [circles[0], circles[1].difference(circles[0])]
    assert hectares(rings, CRS(3031)) == pytest.approx(hectares(caps, LONLAT), rel=1e-5)


def test_a_zone_that_the_grid_s_crs_tears_is_refused():
    cut_at_180 = Extent(Grid("EPSG:6933", 10, 256), Window(210_000, -1_736_000, 211_000, -1_735_000))
    across = shapely.box(179_200, 8_115_200, 186_200, 8_120_320)
    with pytest.raises(UserError, match="polygon 2 cannot be shown whole in EPSG:6933; cut it to the cube's region"):
        on_grid([shapely.box(300_000, 8_115_200, 301_000, 8_120_320), across], CRS(32701), cut_at_180, 0.01)


FIJI = Extent(Grid("EPSG:32701", 10, 256), Window(-812_032, 17_920, -811_520, 18_620))
"""From 179.987 E to 179.947 W."""
SEEN = shapely.box(*FIJI.grid.bounds(FIJI.window))


@pytest.mark.parametrize(
    ("bounds", "share"),
    [((-10, -30, 40, 30), 0), ((0, -60, 180, 60), 0.193), ((-180, -60, 0, 60), 0.807), ((-180, -90, 180, 90), 1)],
)
def test_of_a_map_across_the_antimeridian_a_zone_holds_only_its_own_side(bounds, share):
    (moved,) = on_grid([shapely.box(*bounds)], LONLAT, FIJI, 0.01)
    assert shapely.intersection(moved, SEEN).area / SEEN.area == pytest.approx(share, abs=0.001)


@pytest.mark.parametrize(("sides", "share"), [((-10, 40), 0), ((0, 180), 0.193), ((-180, 0), 0.807)])
def test_zones_of_a_projected_crs_do_not_fold_into_the_map_from_afar(sides, share):
    x_N, y_N = Transformer.from_crs(4326, 3857, always_xy=True).transform(sides, (-60, 60))
    (moved,) = on_grid([shapely.box(x_N[0], y_N[0], x_N[1], y_N[1])], CRS(3857), FIJI, 0.01)
    assert shapely.intersection(moved, SEEN).area / SEEN.area == pytest.approx(share, abs=0.001)


@pytest.mark.parametrize("centre", [(0, 0), (900_000, 0), (0, -900_000)])
def test_a_map_around_a_pole_is_within_a_zone_around_it(centre):
    col, row = (each // 10 for each in centre)
    polar = Extent(Grid("EPSG:3031", 10, 256), Window(row - 100_000, col - 100_000, row + 100_000, col + 100_000))
    (moved,) = on_grid([shapely.box(-180, -90, 180, -50)], LONLAT, polar, 0.01)
    seen = shapely.box(*polar.grid.bounds(polar.window))
    assert shapely.intersection(moved, seen).area == pytest.approx(seen.area)


def test_countries_far_from_the_grid_do_not_disturb_it():
    far = shapely.box(-180, -90, 180, -60), shapely.box(170, -50, 179, -34)
    for moved in on_grid(far, LONLAT, EUROPE, 0.01):
        assert moved.is_empty
    (whole,) = on_grid([shapely.box(-180, -90, 180, 90)], LONLAT, EUROPE, 0.01)
    assert whole.contains(shapely.box(*EUROPE.grid.bounds(EUROPE.window)))

"""The land: `landscape.py`, `canvas.py`, `classes.py`, `parcels.py`, `settlements.py`, `shapes.py` and `water.py`."""

from collections import Counter

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import label as regions

from catalogs.simulated.canvas import MAX_PATCHES, Canvas
from catalogs.simulated.classes import BARE, BUILT, CROP, GRASS, TREE, WATER, WORLDCOVER
from catalogs.simulated.landscape import Landscape, LandscapeError, landscape, truth
from catalogs.simulated.noise import stream
from catalogs.simulated.settlements import Town, roads
from catalogs.simulated.shapes import Shapes, polygons
from catalogs.simulated.water import RIVER_METRES, river, river_line

CENTRE = 4_468_840, 2_822_730
CODES = [entry["code"] for entry in WORLDCOVER]


def square(kilometres):
    x, y = CENTRE
    half = kilometres * 500
    return x - half, y - half, x + half, y + half


@pytest.fixture(scope="module")
def land():
    return landscape(5, square(10))


@given(st.integers(0, 2**32), st.sampled_from([5.0, 10.0, 20.0]))
def test_truth_is_the_majority_of_the_patches_in_a_pixel_and_the_lowest_code_in_a_tie(seed, resolution):
    rng = np.random.default_rng(seed)
    class_P = rng.choice(CODES, 7).astype(np.uint8)
    patch_YX = rng.integers(0, 7, (16, 24)).astype(np.uint16)
    label_YX = truth(Landscape(patch_YX, class_P, (0, 0, 60, 40)), resolution)
    size = int(resolution / 2.5)
    assert label_YX.shape == (16 // size, 24 // size)
    for y, x in np.ndindex(label_YX.shape):
        block = class_P[patch_YX[y * size : (y + 1) * size, x * size : (x + 1) * size]].ravel().tolist()
        assert label_YX[y, x] == min(Counter(block).items(), key=lambda pair: (-pair[1], pair[0]))[0]


def test_polygons_for_painting_are_their_geojson_holes_and_all():
    square, hole = shapely.box(0, 0, 9, 9), shapely.box(2, 2, 4, 4)
    geometry = np.array([shapely.box(20, 0, 21, 5), square - hole - shapely.box(6, 6, 7, 8), hole])
    plain = [{**each.__geo_interface__} for each in geometry]
    as_lists = [{**each, "coordinates": [list(map(list, ring)) for ring in each["coordinates"]]} for each in plain]
    assert list(polygons(geometry)) == as_lists
    assert [len(each["coordinates"]) for each in as_lists] == [1, 3, 1]


def test_crops_grass_and_forest_dominate_and_no_class_is_rare(land):
    share = {code: float((truth(land) == code).mean()) for code in CODES}
    assert sum(share.values()) == pytest.approx(1)
    assert min(share.values()) > 0.02
    assert share[CROP] + share[GRASS] + share[TREE] > 0.75
    assert share[CROP] > share[GRASS]


def test_patches_hold_every_class_and_every_painted_id_has_a_class(land):
    assert land.patch_YX.shape == (4000, 4000)
    assert land.patch_YX.dtype == np.uint16
    assert land.patch_YX.max() < len(land.class_of_patch)
    assert set(np.unique(land.class_of_patch)) == set(CODES)
    assert (land.patch_YX == 0).mean() < 1e-3


def test_small_things_are_narrower_than_a_pixel(land):
    # Brooks, hedges and roads: ground that is there at 2.5 m but that no 10 m pixel mostly consists of.
    class_YX = land.class_of_patch[land.patch_YX]
    coarse_YX = truth(land).repeat(4, axis=0).repeat(4, axis=1)
    for code in (WATER, TREE, BUILT):
        lost = ((class_YX == code) & (coarse_YX != code)).sum() / (class_YX == code).sum()
        assert lost > 0.002


def test_forests_have_ragged_edges_and_fields_straight_ones(land):
    class_YX = land.class_of_patch[land.patch_YX]

    def roundness(mask_YX):
        """Perimeter squared over area of the largest region."""
        number_YX, _ = regions(mask_YX)
        area = np.bincount(number_YX.ravel())[1:]
        region_YX = number_YX == area.argmax() + 1
        edge = (region_YX[1:] != region_YX[:-1]).sum() + (region_YX[:, 1:] != region_YX[:, :-1]).sum()
        return edge**2 / area.max()

    assert roundness(class_YX == TREE) > 3 * roundness(land.patch_YX == np.bincount(land.patch_YX.ravel()).argmax())


def test_the_same_seed_and_bounds_give_the_same_land_and_another_seed_another():
    first, again, other = landscape(1, square(3)), landscape(1, square(3)), landscape(2, square(3))
    np.testing.assert_array_equal(first.patch_YX, again.patch_YX)
    np.testing.assert_array_equal(first.class_of_patch, again.class_of_patch)
    assert (truth(first) != truth(other)).mean() > 0.3


def test_the_river_meanders_across_the_region_within_its_widths():
    line_N2 = river_line(stream(4, "river"), square(20))
    inside_N = shapely.contains_xy(shapely.box(*square(20)), line_N2)
    run_N2 = line_N2[inside_N]
    length = np.hypot(*np.diff(run_N2, axis=0).T).sum()
    assert length > 1.2 * np.hypot(*(run_N2[-1] - run_N2[0]))
    assert np.hypot(*(run_N2[-1] - run_N2[0])) > 10_000
    low, high = RIVER_METRES
    steps = river(stream(4, "width"), line_N2).geometry
    width_N = shapely.minimum_clearance_line(steps)
    assert len(width_N) == len(line_N2) - 1
    across_N = 2 * shapely.minimum_bounding_radius(steps) - 20
    assert across_N.min() > low - 1
    assert across_N.max() < high + 1


def test_roads_connect_all_settlements():
    rng = np.random.default_rng(0)
    settled = [Town(float(x), float(y), 100.0, 0.0) for x, y in rng.uniform(0, 10_000, (25, 2))]
    network = shapely.union_all(roads(rng, settled, lambda geometry: geometry).geometry)
    assert network.geom_type == "Polygon"
    assert all(network.contains(shapely.Point(town.x, town.y)) for town in settled)


def test_bare_land_has_fields_and_shores(land):
    class_YX = land.class_of_patch[land.patch_YX]
    _, count = regions(class_YX == BARE)
    assert count > 20


@pytest.mark.parametrize(
    "bounds", [(0, 0, 1005, 1000), (0, 0, -1000, 1000), (0, 1000, 1000, 1000), (0.5, 0, 1000, 1000)]
)
def test_bounds_off_the_grid_or_empty_are_refused(bounds):
    with pytest.raises(LandscapeError, match="multiples of 10 m"):
        landscape(0, bounds)


@pytest.mark.parametrize("resolution", [3, 25, 0])
def test_a_resolution_that_does_not_divide_the_landscape_is_refused(resolution):
    made = Landscape(np.zeros((16, 24), np.uint16), np.array([CROP], np.uint8), (0, 0, 60, 40))
    with pytest.raises(LandscapeError, match=r"multiple of 2\.5 m"):
        truth(made, resolution)


def test_more_patches_than_ids_are_refused():
    canvas = Canvas((0, 0, 100, 100), GRASS)
    none = np.array([], dtype=object)
    with pytest.raises(LandscapeError, match="smaller bounds"):
        canvas.paint(Shapes(none, np.array([], int), np.full(MAX_PATCHES, CROP, np.uint8)))

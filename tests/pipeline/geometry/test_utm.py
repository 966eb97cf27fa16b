"""The UTM zone of a box."""

import pytest

from pipeline.errors import UserError
from pipeline.geometry.utm import utm_of


@pytest.mark.parametrize(
    ("bbox", "crs", "zones"),
    [
        ((11.3, 47.2, 11.5, 47.3), "EPSG:32632", (32,)),
        ((11.9, 48.4, 12.2, 48.5), "EPSG:32633", (32, 33)),
        ((18.4, -34.0, 18.6, -33.8), "EPSG:32734", (34,)),
        ((179.5, -17.0, -179.9, -16.0), "EPSG:32760", (60, 1)),
        ((6.0, 50.0, 12.0, 51.0), "EPSG:32632", (32,)),
        ((-180.0, 60.0, -179.0, 61.0), "EPSG:32601", (1,)),
    ],
)
def test_a_box_has_the_zone_of_its_centre(bbox, crs, zones):
    assert utm_of(bbox) == (crs, zones)


@pytest.mark.parametrize("bbox", [(0.0, 40.0, 13.0, 50.0), (10.0, 80.0, 11.0, 85.0), (10.0, -81.0, 11.0, -79.0)])
def test_a_box_that_no_zone_shows_well_needs_a_grid(bbox):
    with pytest.raises(UserError, match="--crs"):
        utm_of(bbox)

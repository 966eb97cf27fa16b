import numpy as np
import pytest
from made_versions import CLASSES, plain, published

from pipeline.cube.cube import Cube
from pipeline.cube.open import open_cube, open_version
from pipeline.errors import UserError

NAMES = {"mosaic", "landcover", "coarse", "confidence", "refined", "observations", "first_clear", "last_clear"}


@pytest.fixture
def cube(tmp_path):
    return Cube.create(tmp_path / "cube")


def test_the_newest_version_is_opened_cropped_to_its_region(cube):
    published(cube, plain(10), run="a")
    newest = published(cube, plain(30), run="b")
    found = open_cube(cube.location)
    assert set(found.data_vars) == NAMES
    assert dict(found.sizes) == {"time": 1, "band": 1, "y": 512, "x": 700, "bnds": 2}
    assert (found.landcover == 30).all()
    assert found.attrs["crs"] == "EPSG:3035"
    assert found.attrs["version_id"] == newest
    assert str(found.time.values[0])[:10] == "2024-05-01"
    assert found.mosaic.dtype == np.uint16
    for name in NAMES - {"mosaic", "first_clear", "last_clear"}:
        assert found[name].dtype == np.uint8
    for name in ("first_clear", "last_clear"):
        assert found[name].dtype.kind == "M"


def test_classes_are_cf_flags(cube):
    published(cube, plain(10))
    attributes = open_cube(cube.location).landcover.attrs
    assert list(attributes["flag_values"]) == [row["code"] for row in CLASSES]
    assert attributes["flag_meanings"] == "Tree Grass Water"


def test_an_older_version_is_opened_by_its_name(cube):
    first = published(cube, plain(10), run="a")
    published(cube, plain(30), run="b")
    assert (open_version(cube, first).landcover == 10).all()
    assert (open_cube(str(cube.location), "previous").landcover == 10).all()


def test_a_cube_without_a_version_and_a_place_without_a_cube_are_told(cube, tmp_path):
    with pytest.raises(UserError, match="nothing is published"):
        open_cube(cube.location)
    with pytest.raises(UserError, match="there is no cube"):
        open_cube(tmp_path / "elsewhere")

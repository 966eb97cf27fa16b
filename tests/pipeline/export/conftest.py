import pytest
from made_maps import patches, publish

from pipeline.cube.cube import Cube


@pytest.fixture(scope="session")
def landcover_HW():
    return patches()


@pytest.fixture(scope="session")
def cube(tmp_path_factory, landcover_HW):
    """A cube of one version; to look at, not to change."""
    cube = Cube.create(tmp_path_factory.mktemp("exports") / "cube")
    publish(cube, landcover_HW)
    return cube

import pytest

from cluster.ray_session import connect


@pytest.fixture(scope="session")
def local_ray():
    with connect("local", workers=2):
        yield "local"

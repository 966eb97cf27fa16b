import pytest

from cluster.ray_session import connected


@pytest.fixture(scope="session")
def local_ray():
    with connected("local", workers=2):
        yield "local"

import pytest

from cluster.joining import connected


@pytest.fixture(scope="session")
def local_ray():
    with connected("local", workers=2):
        yield "local"

import time

import pytest

from cluster.ray_session import connect

GIVEN_BACK_SECONDS = 60


@pytest.fixture(scope="session")
def _shared_ray():
    with connect("local", workers=2):
        yield "local"


@pytest.fixture
def local_ray(_shared_ray):
    """A Ray that tests share; what a test took of it is given back by its end."""
    import ray

    yield _shared_ray
    end = time.monotonic() + GIVEN_BACK_SECONDS
    while (free := ray.available_resources().get("CPU", 0)) < (total := ray.cluster_resources()["CPU"]):
        assert time.monotonic() < end, f"{total - free:g} of {total:g} CPUs were not given back by this test's pools"
        time.sleep(0.05)

import os
import signal

import loopback
import pytest
from hypothesis import settings

from cluster.ray_session import secure_environment

# Ray's workers are niced by 15 unless told otherwise, and starve beside other tests on the same cores.
os.environ.setdefault("RAY_worker_niceness", "0")
secure_environment()
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    share = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(share, 1)))
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
# A shell's background job ignores Ctrl-C, and so would the commands that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def loopback_only():
    """No test reaches beyond this machine."""
    with loopback.only():
        yield

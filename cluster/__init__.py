"""Where work runs: a pool of workers that keep state (here or on Ray), events, and Dask to gather results."""

from cluster.dask import DaskClient, dask_client
from cluster.errors import PoolError, PoolLost
from cluster.events import Ended, Event, Finished, Listener, Started
from cluster.gather import gather
from cluster.memory import machine_memory
from cluster.pool import Pool, pool
from cluster.ray_metrics import Gauges
from cluster.types import GroupPolicy, Outcome, WorkerGroup

__all__ = [
    "DaskClient",
    "Ended",
    "Event",
    "Finished",
    "Gauges",
    "GroupPolicy",
    "Listener",
    "Outcome",
    "Pool",
    "PoolError",
    "PoolLost",
    "Started",
    "WorkerGroup",
    "dask_client",
    "gather",
    "machine_memory",
    "pool",
]

"""Where the blocks of a cube are read: by threads of this process, or by Dask workers that see the cube too."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

from cluster import DaskClient, dask_client
from cluster.dask import PROCESSES, THREADS, check_address
from pipeline.cube.cube import Cube
from pipeline.errors import RunError
from pipeline.storage.location import Location

PACKAGES = ("idgbr", "icechunk", "zarr", "numpy")
"""What a worker must have in the version that is here."""


@contextmanager
def dask_workers(address: str, workers: int, *cubes: Cube) -> Iterator[DaskClient | None]:
    """Every `cluster.gather` in the block works where `address` says: see `cluster.dask_client`.

    Raises what that raises, and RunError if a worker lacks one of PACKAGES in the version that is here, or does not see
    one of the cubes as this process does.
    """
    with dask_client(address, workers) as client:
        if client is not None:
            _check_packages(client)
            for cube in cubes:
                _check_cube(client, cube)
        yield client


def check_scheduler(address: str) -> None:
    """Raises what `dask_workers` will raise of the address, and of the scheduler that answers there now."""
    if check_address(address) not in (THREADS, PROCESSES):
        with dask_workers(address, 1):
            pass


def _check_packages(client: DaskClient) -> None:
    for package in PACKAGES:
        here = version(package)
        for worker, there in client.on_every_worker(version, package).items():
            if isinstance(there, PackageNotFoundError):
                raise RunError(f"the Dask worker at {worker} has no {package}; install {package} {here} there")
            if there != here:
                raise RunError(
                    f"the Dask worker at {worker} has {package} {there}, this process {here}; install the same version"
                )


def _check_cube(client: DaskClient, cube: Cube) -> None:
    newest = str(cube.repository.lookup_branch("main"))
    for worker, error in client.on_every_worker(_see, cube.location, newest).items():
        if error is not None:
            reason = " ".join(str(error).split())
            raise RunError(
                f"the Dask worker at {worker} does not see the cube at {cube.location} ({reason:.200}); workers need "
                "that folder under the same path, or the environment by which this process reaches object storage"
            )


def _see(location: Location, snapshot: str) -> None:
    """Raises what `Cube.open` raises, and IcechunkError if another cube lies there."""
    Cube.open(location).repository.readonly_session(snapshot_id=snapshot)

import pickle
import shutil
from pathlib import Path

import pytest
import s3_server
import yaml
from map_model import save_model
from shared_folder import shared

from catalogs.simulated import Overpass, World, open_world, simulate
from pipeline.config.region import Region
from pipeline.config.region_file import load
from pipeline.demo.ground import inner_bounds
from pipeline.execution.report import Report
from pipeline.execution.run import run

DATES = (
    Overpass("2024-05-13", "sentinel-2a", "02.14", cloudiness=0.05),
    Overpass("2024-06-17", "sentinel-2b", "05.10", cloudiness=0.5),
    Overpass("2024-07-19", "sentinel-2a", "05.10", cloudiness=0.1),
    Overpass("2024-07-19", "sentinel-2a", "05.11", cloudiness=0.1, sequence=1, quadrants=("NE",)),
)

CORNER = (11.997, 48.4975, 12.017, 48.5115)
"""Degrees around the corner of four blocks of 256 px in the middle of the world, on both sides of its zones' border."""


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> World:
    """A simulated world of 6 x 6 km over two UTM zones, three dates and a reprocessed scene."""
    return open_world(
        shared(tmp_path_factory, "world", lambda folder: simulate(folder, seed=11, kilometres=6, dates=DATES))
    )


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    """A small model with random weights: what it maps is nonsense, but it depends on every pixel in its reach."""
    return shared(tmp_path_factory, "model", save_model)


def write_region(folder: Path, world: World, with_model: Path, **changes: object) -> Region:
    """Writes a region file of CORNER, keys replaced by `changes`, and loads it."""
    content = {
        "name": "test",
        "cube": str(folder / "cube"),
        "catalog": str(world.catalog),
        "bbox": list(CORNER),
        "period": ["2024-05-01", "2024-08-31"],
        "grid": {"crs": "europe", "resolution": 10, "block": 256},
        "model": str(with_model),
        "commit_every": 3,
    }
    path = folder / "region.yaml"
    path.write_text(yaml.safe_dump(content | changes))
    return load(path)


@pytest.fixture(scope="session")
def region_in(world, model):
    """A function that writes a region file of the world in a given folder and loads it."""
    return lambda folder, **changes: write_region(folder, world, model, **changes)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, region_in) -> tuple[Region, Report]:
    """A run of CORNER from beginning to end, and its report; to look at, not to change."""
    return finished_run(tmp_path_factory, "undisturbed", region_in)


@pytest.fixture(scope="session")
def whole(tmp_path_factory, region_in, world) -> tuple[Region, Report]:
    """A run of all of the world, nine blocks, and its report; to look at, not to change."""
    return finished_run(tmp_path_factory, "whole", region_in, bbox=list(inner_bounds(world)))


def finished_run(factory: pytest.TempPathFactory, name: str, region_in, **changes: object) -> tuple[Region, Report]:
    def make(folder: Path) -> None:
        folder.mkdir()
        report = run(region_in(folder, **changes))
        (folder / "report.pickle").write_bytes(pickle.dumps(report))

    # A copy for each process, for a run takes the lease of its cube.
    made = shared(factory, name, make)
    folder = factory.mktemp(name)
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return region_in(folder, **changes), pickle.loads((folder / "report.pickle").read_bytes())


@pytest.fixture(scope="session")
def s3_serving():
    with s3_server.serving() as server:
        yield server


@pytest.fixture
def s3(s3_serving, monkeypatch) -> s3_server.Server:
    """A real S3 server, which this process and its children know from their environment."""
    for name, value in s3_serving.environment.items():
        monkeypatch.setenv(name, value)
    return s3_serving


@pytest.fixture
def region_of(tmp_path, region_in):
    """A function that writes a region file of the world in a folder of its own and loads it."""

    def make(name: str = "region", **changes: object) -> Region:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        return region_in(folder, **changes)

    return make

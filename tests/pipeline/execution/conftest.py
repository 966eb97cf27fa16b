import shutil

import pytest

from pipeline.demo.ground import inner_bounds
from pipeline.execution.run import run


@pytest.fixture(scope="session")
def strip(undisturbed, world):
    """Degrees of a region as high as the undisturbed one and as wide as the world: six blocks."""
    west, _, east, _ = inner_bounds(world)
    _, south, _, north = undisturbed[0].bbox
    return [west, south, east, north]


@pytest.fixture(scope="session")
def mapped_once(tmp_path_factory, region_in, world, strip):
    """A region over a copy of the world, mapped once; and a copy of its folder."""
    folder = tmp_path_factory.mktemp("growing")
    copy = shutil.copytree(world.folder, folder / "world")
    region = region_in(folder, catalog=str(copy / "catalog.json"), bbox=strip)
    run(region)
    return region, shutil.copytree(folder, tmp_path_factory.mktemp("mapped") / "growing")


@pytest.fixture
def growing(mapped_once):
    """A region over a copy of the world, as it was when it had been mapped once, whose catalog can grow."""
    region, kept = mapped_once
    folder = region.cube.parent
    shutil.rmtree(folder)
    shutil.copytree(kept, folder)
    return region, folder / "world"

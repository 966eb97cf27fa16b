"""The verbs of `reduce`."""

import made_maps
import pytest
import rasterio
from command import answer, run_here, sentence

from pipeline.cube.cube import Cube


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    cube = Cube.create(tmp_path_factory.mktemp("reduce") / "cube")
    made_maps.publish(cube, made_maps.patches())
    return cube


@pytest.mark.parametrize(
    ("verb", "options", "bands"),
    [
        ("fractions", ["--pixels", 64], ["Tree", "Grass", "Water", "mapped"]),
        ("majority", [], ["landcover"]),
        ("stable", ["--periods", 2], ["2024-05-01"]),
        ("first-last", ["--class", "Water"], ["first", "last"]),
    ],
)
def test_each_verb_writes_what_it_says(cube, tmp_path, verb, options, bands):
    out = tmp_path / "out.tif"
    done = answer("reduce", verb, cube.location, *options, "--out", out)
    assert done["bands"] == bands
    with rasterio.open(out) as file:
        assert list(file.descriptions) == bands
        assert file.read().any()


def test_what_exists_is_not_written_over(cube, tmp_path):
    (tmp_path / "out.tif").touch()
    told = sentence(run_here("reduce", "majority", cube.location, "--out", tmp_path / "out.tif"), 2)
    assert "exists already" in told


def test_an_address_that_is_none_is_refused(cube, tmp_path):
    told = sentence(run_here("reduce", "majority", cube.location, "--dask", "here", "--out", tmp_path / "out.tif"), 2)
    assert "it must be threads, processes or the address of a Dask scheduler" in told

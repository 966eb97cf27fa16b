"""Two real Sentinel-2 tiles, five dates with real clouds: trained, mapped and compared with the scenes' own classes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pipeline
from catalogs import search
from idgbr.metrics import Evaluation
from pipeline import open_cube
from pipeline.config.region_file import load
from pipeline.scenes.search import catalog_query
from pipeline.training import areas

PACKAGE = Path(pipeline.__file__).parent
REGION = PACKAGE / "regions" / "sentinel2-33t.yaml"
NOT_TRAINED_ON = (15.75, 45.057, 16.419, 46.953)

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif("IDGBR_DATA" not in os.environ, reason="IDGBR_DATA is not set: no real scenes here"),
]


def idgbr(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *map(str, arguments)], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """The region, trained in the west and mapped whole, by the commands a user types; and its report."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("IDGBR_WORK", str(tmp_path_factory.mktemp("real")))
        environment.setenv("IDGBR_DATA", str(Path(os.environ["IDGBR_DATA"]).resolve()))
        for network in ("coarse", "refiner"):
            print(idgbr("train", network, PACKAGE / "recipes" / f"sentinel2-33t-{network}.yaml"))
        report = json.loads(idgbr("run", REGION, "--address", "none", "--json"))
        return load(REGION), report


def test_the_real_region_is_mapped_without_a_degraded_block(mapped):
    region, report = mapped
    assert report["scenes"] == 10
    assert report["degraded"] == []
    assert report["lost"] == {}
    cube = open_cube(region.cube)
    assert float((cube.observations > 0).mean()) > 0.8
    assert ((cube.landcover.values > 0) == (cube.observations.values > 0)).all()


def test_the_map_agrees_with_the_scenes_own_classes_where_it_was_not_trained(mapped):
    region, _ = mapped
    cube = open_cube(region.cube)
    window = region.extent.grid.window_of(NOT_TRAINED_ON) & region.extent.window
    codes, names = zip(*((row["code"], row["name"]) for row in json.loads(cube.attrs["classes"])), strict=True)
    reference_HW = areas.scene_classes(region.extent.grid, window, search(catalog_query(region)), codes)
    inside = window.slices((region.extent.window.y0, region.extent.window.x0))
    maps = (cube[name].values[0][inside] for name in ("coarse", "landcover"))
    scores = Evaluation.of(reference_HW, *maps, codes).scores(names)
    print(scores)
    assert scores.refined.overall_accuracy > 96
    assert scores.refined.mean_iou > scores.coarse.mean_iou
    assert scores.refined.boundary_iou_4px > scores.coarse.boundary_iou_4px


def test_the_median_is_free_of_most_clouds(mapped):
    region, _ = mapped
    cube = open_cube(region.cube)
    blue = cube.mosaic.sel(band="blue").values[0]
    several = cube.observations.values[0] >= 3
    assert several.mean() > 0.5
    assert np.mean(blue[several] > 2500) < 0.002

"""Two real Sentinel-2 tiles, five dates with real clouds: trained, mapped and compared with the scenes' own classes, or
with a raster and polygons that another classifier made.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
import yaml
from rasterio.features import shapes
from rasterio.transform import from_origin

import pipeline
from catalogs import search
from idgbr.metrics import Evaluation
from pipeline import open_cube
from pipeline.config.region_file import load
from pipeline.scenes.search import catalog_query
from pipeline.training import areas
from pipeline.training.place import Place
from pipeline.training.split import block_index

PACKAGE = Path(pipeline.__file__).parent
REGION = PACKAGE / "regions" / "sentinel2-33t.yaml"
NOT_TRAINED_ON = (15.75, 45.057, 16.419, 46.953)
CLASSES = [
    {"code": 4, "name": "Vegetation", "color": "#00a000"},
    {"code": 5, "name": "Not vegetated", "color": "#ffe65a"},
    {"code": 6, "name": "Water", "color": "#0000ff"},
]
SQUARE = 6000
"""Metres, of the squares by turns learned from and kept out."""

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.timeout(3600),
    pytest.mark.skipif("IDGBR_DATA" not in os.environ, reason="IDGBR_DATA is not set: no real scenes here"),
]


def idgbr(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *map(str, arguments)], capture_output=True, text=True, timeout=3000
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


@pytest.mark.long
def test_a_raster_and_polygons_of_another_classifier_become_a_map_without_a_label_drawn_by_hand(tmp_path):
    """The north of a part of the region is labelled by a raster, its south by polygons, of what the scenes' own
    classification says most often; the map is scored on the squares that no network has learned from."""
    home = Path(os.environ["IDGBR_DATA"]).resolve()
    west, south, east, north, middle = 15.3, 45.6, 15.95, 46.2, 45.9
    content = yaml.safe_load(REGION.read_text()) | {
        "cube": "cube",
        "model": "model",
        "catalog": str(home / "sentinel2_l2a_33T" / "catalog.json"),
        "bbox": [west, south, east, north],
        "grid": {"crs": "europe", "resolution": 120, "block": 256},
    }
    (tmp_path / "region.yaml").write_text(yaml.safe_dump(content))
    region = load(tmp_path / "region.yaml", with_model=False)
    grid, window = region.extent.grid, region.extent.window
    codes, names = zip(*((row["code"], row["name"]) for row in CLASSES), strict=True)
    label_HW = areas.scene_classes(grid, window, search(catalog_query(region)), codes)
    areas.write_raster(tmp_path / "classes.tif", label_HW[None], grid, window, nodata=0)
    left, _, _, top = grid.bounds(window)
    transform = from_origin(left, top, grid.resolution, grid.resolution)
    rows = [
        {"class": names[codes.index(int(code))], "geometry": shapely.geometry.shape(shape)}
        for shape, code in shapes(label_HW, label_HW > 0, transform=transform)
    ]
    geopandas.GeoDataFrame(rows, crs=grid.crs).to_file(tmp_path / "classes.gpkg")
    same = {"region": "region.yaml", "classes": CLASSES}
    of_raster = {"kind": "raster", "bbox": [west, middle, east, north], "maps": [{"path": "classes.tif"}]}
    of_vector = {"kind": "vector", "bbox": [west, south, east, middle], "path": "classes.gpkg", "column": "class"}
    recipe = {"title": "another classifier's classes", "license": "other", "model": "model", "data": "labelled"}
    recipe |= {"areas": [of_raster | same, of_vector | same], "split": {"by": "checkerboard", "size": SQUARE}}
    recipe |= {"crop_size": 96, "batch_size": 4, "model_args": {"widths": [12, 24, 32, 48]}}
    for network, steps in (("coarse", 150), ("refiner", 60)):
        (tmp_path / f"{network}.yaml").write_text(yaml.safe_dump(recipe | {"steps": steps}))
    print(idgbr("train", "model", tmp_path))
    pipeline.run(load(tmp_path / "region.yaml"))
    cube = open_cube(tmp_path / "cube").isel(time=0)
    iy_H, ix_W = block_index(Place(grid.crs, transform, window.shape), SQUARE)
    kept_HW = ((iy_H[:, None] + ix_W) % 2).astype(bool)
    reference_HW = np.where(kept_HW, label_HW, 0)
    maps = (cube[name].values[: window.shape[0], : window.shape[1]] for name in ("coarse", "landcover"))
    scores = Evaluation.of(reference_HW, *maps, codes).scores(names)
    shares = np.bincount(reference_HW[reference_HW > 0]) / (reference_HW > 0).sum()
    print({"most frequent class, %": float(100 * shares.max())}, scores)
    assert scores.refined.overall_accuracy > 100 * shares.max()
    assert scores.refined.mean_iou > 100 / len(CLASSES)

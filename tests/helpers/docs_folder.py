"""What the pages of the documentation presuppose: a folder with a map of simulated ground and files to work on."""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import rasterio
import yaml
from change_files import write_change_set, write_raster
from change_toys import two_dates
from regional_cubes import layout_of, publish_region
from shapely.geometry import box

from catalogs.simulated import WORLDCOVER, Overpass, acquire, open_world, simulate
from pipeline.config.region_file import load
from pipeline.execution.run import run
from pipeline.training.area_kinds import Simulated
from pipeline.training.prepare import load_areas

DATES = [Overpass(day, "sentinel-2a", "05.11", cloudiness=0.1) for day in ("2023-06-17", "2024-05-13", "2024-07-19")]
LATER = Overpass("2024-08-03", "sentinel-2a", "05.11", cloudiness=0.05)
PLACE = {"catalog": "ground/catalog.json", "bbox": [11.985, 48.478, 12.025, 48.502]}
"""Keys of the pages' region files that are others here: 3 x 3 km of a simulated world."""
WEST, EAST = [11.985, 48.478, 12.005, 48.502], [12.005, 48.478, 12.025, 48.502]
FEW_STEPS = {"steps": 2, "crop_size": 64, "batch_size": 1}
"""Keys of the pages' recipes that are others here."""
TINY_UNET = {"inner": 8, "multipliers": [1, 1, 1]}


def make_folder(folder: Path) -> None:
    folder.mkdir()
    simulate(folder / "ground", seed=11, kilometres=6, dates=DATES)
    for year in (2023, 2024):
        period = {"period": [f"{year}-05-01", f"{year}-08-31"]}
        write_yaml(folder / "region.yaml", {"name": "here", "cube": "cube", "model": "simulated-s2"} | period | PLACE)
        run(load(folder / "region.yaml"))
    (folder / "out/demo").mkdir(parents=True)
    (folder / "out/demo/cube").symlink_to("../../cube")
    _zones(folder)
    write_labelled(folder)
    _change_set(folder)
    publish_region(folder / "north", layout_of((0, 0, 512, 256)))
    publish_region(folder / "south", layout_of((0, 256, 512, 512)))


def write_yaml(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(dict(content), sort_keys=False))


def label_sample(folder: Path) -> None:
    """Labels the plots of sample.gpkg with the classes that the simulated ground has there."""
    plots = geopandas.read_file(folder / "sample.gpkg")
    names = {row["code"]: row["name"] for row in WORLDCOVER}
    with rasterio.open(open_world(folder / "ground").truth) as truth:
        at = plots.to_crs(truth.crs).geometry
        plots["label"] = [names[int(code)] for (code,) in truth.sample(zip(at.x, at.y, strict=True))]
    plots.to_file(folder / "sample.gpkg")


def publish_scenes(folder: Path) -> None:
    """A pass after those of the map comes into the catalog."""
    acquire(folder / "ground", [LATER])


def clean_environment(folder: Path, activated: bool) -> dict[str, str]:
    """That of a new terminal of 80 columns in `folder`, whose `.venv` is that of the tests."""
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    (folder / "home").mkdir()
    kept = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy") or "RAY_" in name}
    system = "/usr/local/bin:/usr/bin:/bin"
    path = f"{Path(sys.executable).parent}:{system}" if activated else system
    return kept | {"HOME": str(folder / "home"), "PATH": path, "COLUMNS": "80", "LC_ALL": "C.UTF-8"}


def _zones(folder: Path) -> None:
    districts = geopandas.GeoDataFrame({"district": ["west", "east"]}, geometry=[box(*WEST), box(*EAST)], crs=4326)
    districts.to_file(folder / "districts.gpkg")
    districts[:1].to_file(folder / "district.gpkg")


def write_labelled(folder: Path) -> None:
    """Labelled folders `labelled` and `held-out`, an image of them, and recipes that learn from the first."""
    for seed, name in ((7, "labelled"), (9, "held-out")):
        simulated = Simulated(kind="simulated", seeds=[seed], kilometres=1)
        load_areas(simulated, folder / name, lambda *step: None)
    (image,) = (folder / "held-out/images").glob("*.tif")
    shutil.copy(image, folder / "image.tif")
    shared = {"title": "here", "license": "other", "model": "model", "data": "data"} | FEW_STEPS
    areas = {
        part: {"kind": "folder", "path": path} for part, path in (("areas", "labelled"), ("validation", "held-out"))
    }
    small = {"model_args": {"widths": [8, 8, 16, 16]}}
    write_yaml(folder / "coarse.yaml", shared | areas | small)
    write_yaml(folder / "refiner.yaml", shared | areas | small)


def _change_set(folder: Path) -> None:
    """The labelled change set `levir`, the labelled folder `houses`, and two rasters of different years."""
    for seed, name in ((1, "train_1"), (2, "test_1")):
        write_change_set(folder / "levir", [seed])
        for part in ("A", "B", "label"):
            (folder / "levir" / part / f"pair-{seed}.tif").rename(folder / "levir" / part / f"{name}.tif")
    before_CHW, after_CHW, label_HW = two_dates(5)
    write_raster(folder / "houses/images/a.tif", after_CHW)
    write_raster(folder / "houses/labels/a.tif", label_HW[None] + np.uint8(1))
    classes = [{"code": 1, "name": "house", "color": "#8c2d04"}, {"code": 2, "name": "ground", "color": "#e8d9a0"}]
    (folder / "houses/classes.json").write_text(json.dumps({"classes": classes, "bands": ["red", "green", "blue"]}))
    write_raster(folder / "2023.tif", before_CHW)
    write_raster(folder / "2024.tif", after_CHW)

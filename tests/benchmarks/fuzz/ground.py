"""What is damaged: a world with its scenes, a region file, a model, a finished cube, one with a run that a gate held
back, the files that `init` writes, and a labelled folder."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import yaml
from crash import cubes
from map_model import save_model

from catalogs.simulated import WORLDCOVER, simulate
from pipeline.cube.cube import Cube
from pipeline.cube.held import held_runs
from pipeline.demo.ground import inner_bounds
from pipeline.geometry.grid import LONLAT, transformer

REGION, DRAFT = "region.yaml", "draft"


@dataclass(frozen=True)
class Ground:
    """folder: of all of it. region: of the cube, whose catalog is the static one. items: their hrefs are absolute.
    truth: a raster of labels. held: a cube whose run `held_run` was held back. draft: what `init` wrote."""

    folder: Path
    region: dict[str, Any]
    items: list[dict[str, Any]]
    model: Path
    cube: Path
    labelled: Path
    truth: Path
    held: Path
    held_run: str
    draft: Path
    box: str

    def init(self, catalog: str, labels: Path) -> list[str]:
        """The arguments of `init` for the world's box."""
        period = ",".join(self.region["period"])
        return [
            *("init", DRAFT, f"--bbox={self.box}", "--period", period, "--catalog", catalog),
            *("--labels", str(labels), "--steps", "1"),
        ]


def prepare(folder: Path) -> Ground:
    """Makes it; the cube by a run of the command."""
    world = simulate(folder / "world", seed=11, kilometres=1, dates=cubes.DATES)
    region = {
        "name": "fuzz",
        "cube": "cube",
        "catalog": str(world.catalog),
        "bbox": list(inner_bounds(world)),
        "period": ["2024-05-01", "2024-08-31"],
        "grid": {"crs": "europe", "resolution": 10, "block": 256},
        "model": str(save_model(folder / "model")),
        "mosaic": {"method": "median"},
        "gates": {"max_drift": 1.0},
        "max_degraded": 1.0,
        "allowed_paths": [str(folder)],
    }
    (folder / REGION).write_text(yaml.safe_dump(region))
    _idgbr(folder, "run", REGION, "--address", "none")
    ground = Ground(
        folder,
        region,
        _items(world.folder),
        folder / "model",
        folder / "cube",
        _labelled(folder / "labelled"),
        world.truth,
        *_held(folder, region),
        folder / DRAFT,
        ",".join(f"{degrees:.6f}" for degrees in transformer("EPSG:3035", LONLAT).transform_bounds(*world.bounds)),
    )
    _draft(ground)
    return ground


def _idgbr(folder: Path, *arguments: str, code: int = 0) -> None:
    command = [sys.executable, "-m", "pipeline.cli", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == code, done.stderr


def _held(folder: Path, region: dict[str, Any]) -> tuple[Path, str]:
    """A copy of the cube on which a run with another mosaic was held back, and the run."""
    cube = Path(shutil.copytree(folder / "cube", folder / "held"))
    changed = region | {"cube": "held", "mosaic": {"method": "best"}, "gates": {"max_drift": 0}}
    (folder / "held.yaml").write_text(yaml.safe_dump(changed))
    _idgbr(folder, "run", "held.yaml", "--address", "none", code=3)
    (run,) = held_runs(Cube.open(cube))
    return cube, run.run


def _draft(ground: Ground) -> None:
    """The files that `init` writes, with labels beside them and recipes of small networks."""
    labels = shutil.copy(ground.truth, ground.folder / "labels.tif")
    _idgbr(ground.folder, *ground.init(ground.region["catalog"], Path(labels)))
    shutil.move(labels, ground.draft / "labels.tif")
    for name in ("coarse.yaml", "refiner.yaml"):
        recipe = yaml.safe_load((ground.draft / name).read_text())
        recipe["areas"]["maps"][0]["path"] = "labels.tif"
        recipe |= {"crop_size": 32, "batch_size": 1, "model_args": {"widths": [4, 4, 8, 8]}}
        (ground.draft / name).write_text(yaml.safe_dump(recipe))


def _items(world: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (world / "items.ndjson").read_text().splitlines()]
    for item in found:
        for asset in item["assets"].values():
            asset["href"] = str((world / asset["href"]).resolve())
    return found


def _labelled(folder: Path) -> Path:
    random = np.random.default_rng(0)
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for number in range(2):
        codes = np.array([row["code"] for row in WORLDCOVER], np.uint8)
        label = codes[random.integers(0, len(codes), (6, 6))].repeat(16, 0).repeat(16, 1)
        image = (random.integers(300, 3000, (4, 6, 6)).repeat(16, 1).repeat(16, 2)).astype(np.uint16)
        _write(folder / "images" / f"{number}.tif", image)
        _write(folder / "labels" / f"{number}.tif", label[None])
    about = {"classes": [dict(row) for row in WORLDCOVER], "bands": ["blue", "green", "red", "nir"]}
    (folder / "classes.json").write_text(json.dumps(about))
    return folder


def _write(path: Path, image_BHW: np.ndarray) -> None:
    profile = {"driver": "GTiff", "height": 96, "width": 96, "count": len(image_BHW), "dtype": image_BHW.dtype}
    place = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 5_300_000)}
    with rasterio.open(path, "w", **profile, **place) as target:
        target.write(image_BHW)

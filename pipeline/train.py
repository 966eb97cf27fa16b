"""`idgbr train`: from a recipe file to a model folder with a card."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

import catalogs
from pipeline import labelled
from pipeline.config import load as load_region
from pipeline.yamlfile import Frozen, checked, read

Report = Callable[[int, int, str], None]


class Simulated(Frozen):
    """Simulated worlds, one a seed."""

    kind: Literal["simulated"]
    seeds: list[int] = Field(min_length=1)
    kilometres: float = Field(default=8, gt=0)


class SceneClasses(Frozen):
    """A part of a region of real scenes, labelled by their own scene classification where it is clear."""

    kind: Literal["scene-classes"]
    region: Path
    bounds: tuple[float, float, float, float]
    classes: list[dict[str, Any]]


class Folder(Frozen):
    """An existing data set folder."""

    kind: Literal["folder"]
    path: Path


class Recipe(Frozen):
    """One training: `model` is the folder it writes (coarse) or completes (refiner), `data` the folder where
    labelled areas are kept."""

    model: Path
    data: Path
    areas: Annotated[Simulated | SceneClasses | Folder, Field(discriminator="kind")]
    title: str
    licence: str
    steps: int = Field(ge=1)
    crop: int = Field(default=160, multiple_of=16, ge=32)
    batch: int = Field(default=8, ge=1)
    rate: float = Field(default=1e-3, gt=0)
    seed: int = 0
    settings: dict[str, float] = Field(
        default={}, description="window, overlap, steps, radius, threshold of the model folder"
    )


def load(path: Path) -> Recipe:
    """Reads a recipe; its paths count from its folder. Raises UserError with one sentence for anything wrong in it."""
    raw = read(path)
    folder = path.resolve().parent
    for holder, key in ((raw, "model"), (raw, "data"), (raw.get("areas"), "region"), (raw.get("areas"), "path")):
        if isinstance(holder, dict) and isinstance(holder.get(key), str):
            holder[key] = folder / holder[key]
    return checked(Recipe, raw, path)


def prepare(recipe: Recipe, report: Report) -> Path:
    """Makes the labelled areas of a recipe that are not there yet; returns their folder."""
    areas = recipe.areas
    if isinstance(areas, Folder):
        return areas.path
    if isinstance(areas, Simulated):
        from catalogs.simulated.classes import WORLDCOVER

        for done, seed in enumerate(areas.seeds):
            report(done, len(areas.seeds), f"world {seed}")
            stem = f"world-{seed}-{areas.kilometres:g}km"
            if not (recipe.data / "images" / f"{stem}.tif").is_file():
                with tempfile.TemporaryDirectory() as world:
                    area = labelled.simulated(Path(world), seed, areas.kilometres)
                labelled.write(recipe.data, stem, area, [dict(row) for row in WORLDCOVER], catalogs.ROLES)
        report(len(areas.seeds), len(areas.seeds), "")
        return recipe.data
    region = load_region(areas.region, with_model=False)
    area = labelled.from_scenes(region, areas.bounds, [row["code"] for row in areas.classes])
    labelled.write(recipe.data, "scene-classes", area, areas.classes, catalogs.ROLES)
    return recipe.data


def pairs_of(recipe: Recipe, folder: Path) -> tuple[list[tuple[np.ndarray, np.ndarray]], dict[str, Any]]:
    """The recipe's labelled areas. Raises UserError."""
    pairs, about = labelled.read_folder(folder)
    if isinstance(recipe.areas, Simulated):
        wanted = {f"world-{seed}-{recipe.areas.kilometres:g}km" for seed in recipe.areas.seeds}
        pairs = {stem: pair for stem, pair in pairs.items() if stem in wanted}
    return list(pairs.values()), about


def train(recipe: Recipe, network: Literal["coarse", "refiner"], report: Report) -> Path:
    """Trains one network and writes its model folder; the coarse network first, then the refiner into the same
    folder."""
    from idgbr.training import CoarseTraining, Optimisation, RefinerTraining, train_coarse, train_refiner

    pairs, about = pairs_of(recipe, prepare(recipe, report))
    how = Optimisation(steps=recipe.steps, rate=recipe.rate)
    if network == "coarse":
        table = tuple(about["classes"])
        config = CoarseTraining(
            classes=table,
            bands=tuple(about["bands"]),
            crop=recipe.crop,
            batch=recipe.batch,
            seed=recipe.seed,
            optimisation=how,
        )
        steps = train_coarse(pairs, recipe.model, config)
    else:
        steps = train_refiner(
            pairs,
            recipe.model,
            RefinerTraining(crop=recipe.crop, batch=recipe.batch, seed=recipe.seed, optimisation=how),
        )
    for progress in steps:
        report(progress.step, progress.steps, f"loss {progress.loss:.3f}")
    return recipe.model

"""`idgbr train`: from a recipe file to a model folder with a card."""

import json
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

import catalogs
from pipeline import labelled
from pipeline.config import digest
from pipeline.config import load as load_region
from pipeline.errors import UserError
from pipeline.grid import Window
from pipeline.score import NAMES, scores
from pipeline.yamlfile import Frozen, checked, read

PATHS = ("model", "data", "region", "path")
RECORD = "training.json"

Pair = tuple[np.ndarray, np.ndarray]
Report = Callable[[int, int, str], None]


class Simulated(Frozen):
    """Simulated worlds, one a seed."""

    kind: Literal["simulated"]
    seeds: list[int] = Field(min_length=1)
    kilometres: float = Field(default=8, gt=0)


class ClassRow(Frozen):
    code: int = Field(ge=1, le=255)
    name: str
    color: str = Field(pattern="^#[0-9a-fA-F]{6}$")


class SceneClasses(Frozen):
    """A part of a region of real scenes, labelled by their own scene classification where it is clear."""

    kind: Literal["scene-classes"]
    region: Path
    bounds: tuple[float, float, float, float]
    classes: list[ClassRow] = Field(min_length=2)


class Folder(Frozen):
    """An existing data set folder."""

    kind: Literal["folder"]
    path: Path


Areas = Annotated[Simulated | SceneClasses | Folder, Field(discriminator="kind")]


class Recipe(Frozen):
    """One training of one network: the coarse network makes the folder `model`, the refiner completes it.

    Labelled areas are kept in `data`. `check` are areas of other places, on which the model card's scores are taken.
    """

    model: Path
    data: Path
    areas: Areas
    check: Areas
    title: str
    licence: str
    steps: int = Field(ge=1)
    crop: int = Field(default=160, multiple_of=16, ge=32)
    batch: int = Field(default=8, ge=1)
    rate: float = Field(default=1e-3, gt=0)
    seed: int = 0


def load(path: Path) -> Recipe:
    """Reads a recipe; its paths count from its folder. Raises UserError with one sentence for anything wrong in it."""
    raw = read(path)
    folder = path.resolve().parent
    for holder in (raw, raw.get("areas"), raw.get("check")):
        if isinstance(holder, dict):
            holder |= {key: folder / holder[key] for key in PATHS if isinstance(holder.get(key), str)}
    return checked(Recipe, raw, path)


def prepared(areas: Areas, data: Path, report: Report) -> tuple[list[Pair], dict[str, Any]]:
    """The labelled areas, made where they are not kept in `data` yet, and what they say of classes and bands."""
    if isinstance(areas, Folder):
        pairs, about = labelled.read_folder(areas.path)
        return list(pairs.values()), about
    stems = list(_make(areas, data, report))
    pairs, about = labelled.read_folder(data)
    return [pairs[stem] for stem in stems], about


def _make(areas: Simulated | SceneClasses, data: Path, report: Report) -> Iterator[str]:
    if isinstance(areas, SceneClasses):
        region = load_region(areas.region, with_model=False)
        asked = region.model_dump(mode="json", include={"catalog", "collection", "period", "grid", "max_cloud"})
        stem = f"scenes-{digest([asked, areas.bounds, [row.code for row in areas.classes]])[:16]}"
        if not (data / "images" / f"{stem}.tif").is_file():
            area = labelled.from_scenes(region, areas.bounds, [row.code for row in areas.classes])
            labelled.write(data, stem, area, [row.model_dump() for row in areas.classes], catalogs.ROLES)
        yield stem
        return
    from catalogs.simulated import WORLDCOVER

    for done, seed in enumerate(areas.seeds, 1):
        stem = f"world-{seed}-{areas.kilometres:g}km"
        if not (data / "images" / f"{stem}.tif").is_file():
            with tempfile.TemporaryDirectory() as world:
                area = labelled.simulated(Path(world), seed, areas.kilometres)
            labelled.write(data, stem, area, [dict(row) for row in WORLDCOVER], catalogs.ROLES)
        report(done, len(areas.seeds), f"area {stem}")
        yield stem


def train(recipe: Recipe, network: Literal["coarse", "refiner"], report: Report) -> dict[str, dict[str, float]]:
    """Trains one network, scores the model on the areas kept out, and writes its card; returns the scores by map."""
    from idgbr.training import CoarseTraining, Optimisation, RefinerTraining, train_coarse, train_refiner

    record = _record(recipe, network)
    pairs, about = prepared(recipe.areas, recipe.data, report)
    how = Optimisation(steps=recipe.steps, rate=recipe.rate)
    if network == "coarse":
        classes, bands = tuple(about["classes"]), tuple(about["bands"])
        steps = train_coarse(
            pairs,
            recipe.model,
            CoarseTraining(
                classes=classes, bands=bands, crop=recipe.crop, batch=recipe.batch, seed=recipe.seed, optimisation=how
            ),
        )
    else:
        steps = train_refiner(
            pairs,
            recipe.model,
            RefinerTraining(crop=recipe.crop, batch=recipe.batch, seed=recipe.seed, optimisation=how),
        )
    for progress in steps:
        report(progress.step, progress.steps, f"loss {progress.loss:.3f}")
    found = evaluate(recipe.model, prepared(recipe.check, recipe.data, report)[0])
    _card(recipe, record, found)
    return found


def evaluate(folder: Path, pairs: list[Pair]) -> dict[str, dict[str, float]]:
    """Scores of the coarse and, if there is a refiner, of the refined map of whole labelled areas, mapped as blocks
    are."""
    from idgbr import IDGBRPipeline
    from pipeline.segment import segment

    model = IDGBRPipeline.from_pretrained(folder)
    coarse, refined = [], []
    for image_BHW, label_HW in pairs:
        whole = Window(0, 0, *label_HW.shape)
        labels = segment(model, partial(_padded, image_BHW), whole)
        coarse.append((label_HW, labels.coarse_HW))
        refined.append((label_HW, labels.landcover_HW))
    found = {"coarse": scores(coarse, model.settings.codes)}
    return found if model.refiner is None else found | {"refined": scores(refined, model.settings.codes)}


def _padded(image_BHW: np.ndarray, window: Window) -> np.ndarray:
    result_BHW = np.zeros((len(image_BHW), *window.shape), image_BHW.dtype)
    part = window & Window(0, 0, *image_BHW.shape[1:])
    if not part.empty:
        result_BHW[:, *part.slices((window.y0, window.x0))] = image_BHW[:, *part.slices((0, 0))]
    return result_BHW


def _record(recipe: Recipe, network: str) -> dict[str, Any]:
    """What the networks of the model are trained on: the coarse one's record, if need be, and this training's.

    Raises UserError for a refiner whose coarse network has no record.
    """
    record: dict[str, Any] = {}
    if network == "refiner":
        try:
            record = {"coarse": json.loads((recipe.model / RECORD).read_text())["coarse"]}
        except (OSError, ValueError, LookupError, TypeError):
            raise UserError(
                f"{recipe.model} has no coarse network with its {RECORD}; train it first: idgbr train coarse"
            ) from None
    areas = recipe.areas.model_dump(mode="json", exclude={"region", "path", "classes"})
    return record | {network: {"areas": areas, **recipe.model_dump(include={"steps", "crop", "batch", "rate", "seed"})}}


def _card(recipe: Recipe, record: dict[str, Any], found: dict[str, dict[str, float]]) -> None:
    """Keeps what each network was trained on beside the weights, and writes the card of both."""
    from idgbr.training import write_card

    (recipe.model / RECORD).write_text(json.dumps(record, indent=1) + "\n")
    told = [f"The {name} network: {_areas(part['areas'])}." for name, part in record.items()]
    checked_on = f"Scores in percent on areas kept out of training: {_areas(recipe.check.model_dump(mode='json'))}."
    write_card(
        recipe.model,
        recipe.title,
        " ".join([*told, checked_on]),
        recipe.licence,
        {name: part["steps"] for name, part in record.items()},
        {f"{which} {NAMES[metric]}": value for which, values in found.items() for metric, value in values.items()},
    )


def _areas(areas: dict[str, Any]) -> str:
    if areas["kind"] == "simulated":
        size = f"{areas['kilometres']:g} x {areas['kilometres']:g} km"
        return f"simulated worlds of {size}, seeds {', '.join(map(str, areas['seeds']))}"
    if areas["kind"] == "scene-classes":
        return "scene classification of real scenes within " + ", ".join(f"{side:g}" for side in areas["bounds"])
    return "a labelled data set folder"

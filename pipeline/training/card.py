"""The record and the card of a trained model."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config.region_file import load
from pipeline.errors import UserError
from pipeline.training.area_kinds import Area, Areas, SceneClasses
from pipeline.training.ground import RECORD, ground_of
from pipeline.training.recipe import Recipe

if TYPE_CHECKING:
    from idgbr.coarse import NetworkCode
    from idgbr.metrics import EvaluationScores

RECORDED = {
    "steps",
    "crop_size",
    "batch_size",
    "learning_rate",
    "seed",
    "network",
    "preset",
    "model_args",
    "precision",
    "workers",
    "threads",
    "folds",
    "true_states",
    "condition_dropout",
    "inference",
    "calibrate",
    "split",
    "share",
}
"""Keys of a recipe that the record keeps, by their serialization aliases."""
COARSE = {"network", "backbone", "ddpm", "share"}
REFINERS = {"preset", "stable_diffusion", "folds", "true_states", "condition_dropout", "inference"}
"""Keys that only a recipe of this network has."""


def check_keys(recipe: Recipe, network: str) -> None:
    """Raises UserError for keys of the other network, and for keys that exclude each other."""
    others = COARSE if network == "refiner" else REFINERS
    for key in sorted(others - ({"backbone"} if recipe.folds else set())):
        if getattr(recipe, key) is not None:
            raise UserError(f"the recipe has '{key}', which is not of the {network} network; leave it out")
    if recipe.preset is not None and recipe.stable_diffusion is not None:
        raise UserError("the recipe has both 'preset' and 'stable_diffusion'; leave one of them out")
    process = "diffusion" if recipe.stable_diffusion else recipe.model_args.get("process", "bridge")
    if recipe.inference is not None and recipe.inference.sigma is not None and process != "bridge":
        raise UserError(f"the recipe has inference.sigma, which is of a bridge, not of a {process}; leave it out")


def record_training(recipe: Recipe, network: str, code: "NetworkCode | None" = None) -> dict[str, Any]:
    """By network, what it is trained on and how: this training's, and for a refiner also its coarse network's record.

    code: of a coarse network of one's own, which may have been trained elsewhere and then has no record. Raises
    UserError for keys of the other network and for a refiner whose coarse network has no record.
    """
    record: dict[str, Any] = {}
    check_keys(recipe, network)
    if network == "refiner":
        try:
            record = {"coarse": json.loads((recipe.model / RECORD).read_text())["coarse"]}
        except (OSError, ValueError, LookupError, TypeError):
            if code is None or recipe.folds:
                raise UserError(
                    f"{recipe.model} has no coarse network with its {RECORD}; train it first: idgbr train coarse"
                ) from None
    areas = areas_record(recipe.areas)
    settings: dict[str, Any] = recipe.model_dump(include=RECORDED, by_alias=True, exclude_none=True)
    if code is not None:
        settings["code"] = {"function": code.function, "sha256": code.digest}
    if recipe.backbone is not None and network == "coarse":
        settings["backbone"] = recipe.backbone.name
    if isinstance(recipe.areas, SceneClasses):
        region = load(recipe.areas.region, with_model=False)
        settings["scenes"] = {"collection": region.collection, "resolution": region.grid.resolution}
    if recipe.ddpm is not None:
        settings["ddpm"] = recipe.ddpm.name
    return record | {network: {"areas": areas, **settings}}


def write_record(model: Path, record: dict[str, Any]) -> None:
    """Writes training.json beside the weights."""
    (model / RECORD).write_text(json.dumps(record, indent=1) + "\n")


def write_model_card(
    recipe: Recipe, record: dict[str, Any], scores: "EvaluationScores", code: "NetworkCode | None" = None
) -> None:
    """Writes README.md beside the weights. record: of `record_training`."""
    from idgbr.training import write_card

    trained_on = [f"The {name} network: {describe_areas(part['areas'])}." for name, part in record.items()]
    if (ground := ground_of(recipe.model)) is not None:
        trained_on.insert(0, str(ground))
    validation = _describe_validation(recipe)
    write_card(
        recipe.model,
        recipe.title,
        " ".join([*trained_on, f"Scores in percent on {validation}."]),
        recipe.license,
        {name: part["steps"] for name, part in record.items()},
        scores,
        code,
    )


def describe_areas(areas: Any) -> str:
    """The areas of a recipe, as JSON, in words."""
    if isinstance(areas, list):
        return "; ".join(map(describe_areas, areas))
    if areas["kind"] == "simulated":
        size = f"{areas['kilometres']:g} x {areas['kilometres']:g} km"
        return f"simulated worlds of {size}, seeds {', '.join(map(str, areas['seeds']))}"
    if areas["kind"] == "cube" and "windows" in areas:
        return f"{areas['windows']} windows of {areas['side']} px of a cube's mosaics{_within(areas['bbox'])}"
    if areas["kind"] == "scenes":
        return f"a mosaic of real scenes{_within(areas['bbox'])}"
    if areas["kind"] == "images":
        return "a folder of images" + ("" if areas["include"] == ["*"] else f", of it {', '.join(areas['include'])}")
    if areas["kind"] == "scene-classes":
        return f"scene classification of real scenes{_within(areas['bounds'])}"
    if areas["kind"] == "folder":
        stems = "" if areas.get("only", ["*"]) == ["*"] else f", of it {', '.join(areas['only'])}"
        return f"a labelled data set folder{stems}"
    if areas["kind"] == "raster":
        names = [each_map["collection"] or "a raster file" for each_map in areas["maps"]]
        labels = " and ".join(names)
    else:
        labels = f"the column {areas['column']} of a vector file" if areas["kind"] == "vector" else "an earlier map"
    return f"real scenes{_within(areas['bbox'])} with labels of {labels}"


def _within(bbox: list[float] | None) -> str:
    return "" if bbox is None else " within " + ", ".join(f"{side:g}" for side in bbox)


def _describe_validation(recipe: Recipe) -> str:
    if recipe.validation is not None:
        return f"areas kept out of training: {describe_areas(areas_record(recipe.validation))}"
    assert recipe.split is not None, "checked: one of both is given"
    split = recipe.split
    if split.by == "column":
        return f"features kept out of training: {split.column} {', '.join(split.validation or ())}"
    return f"labels kept out of training, in squares of {split.size:g} m ({split.by})"


def areas_record(areas: Areas) -> Any:
    """Areas as JSON, a list of several, without paths and without their classes, which the model has."""
    return [_record(area) for area in areas] if isinstance(areas, tuple) else _record(areas)


def _record(area: Area) -> dict[str, Any]:
    content: dict[str, Any] = area.model_dump(mode="json", by_alias=True, exclude={"region", "path", "classes", "cube"})
    for label_map in content.get("maps", ()):
        del label_map["path"]
    return content

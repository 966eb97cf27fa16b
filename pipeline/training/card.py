"""The record and the card of a trained model."""

import json
from typing import TYPE_CHECKING, Any

from pipeline.errors import UserError
from pipeline.training.recipe import Recipe

if TYPE_CHECKING:
    from idgbr.metrics import EvaluationScores

RECORD = "training.json"


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
    "folds",
    "true_states",
}
"""Keys of a recipe that the record keeps, by their serialization aliases."""


def record_training(recipe: Recipe, network: str) -> dict[str, Any]:
    """By network, what it is trained on and how: this training's, and for a refiner also its coarse network's record.

    Raises UserError for keys of the other network and for a refiner whose coarse network has no record.
    """
    record: dict[str, Any] = {}
    others = {"network", "backbone"} if network == "refiner" else {"preset", "stable_diffusion", "folds", "true_states"}
    for key in sorted(others - ({"backbone"} if recipe.folds else set())):
        if getattr(recipe, key) is not None:
            raise UserError(f"the recipe has '{key}', which is not of the {network} network; leave it out")
    if recipe.preset is not None and recipe.stable_diffusion is not None:
        raise UserError("the recipe has both 'preset' and 'stable_diffusion'; leave one of them out")
    if network == "refiner":
        try:
            record = {"coarse": json.loads((recipe.model / RECORD).read_text())["coarse"]}
        except (OSError, ValueError, LookupError, TypeError):
            raise UserError(
                f"{recipe.model} has no coarse network with its {RECORD}; train it first: idgbr train coarse"
            ) from None
    areas = recipe.areas.model_dump(mode="json", by_alias=True, exclude={"region", "path", "classes"})
    settings: dict[str, Any] = recipe.model_dump(include=RECORDED, by_alias=True, exclude_none=True)
    if recipe.backbone is not None and network == "coarse":
        settings["backbone"] = recipe.backbone.name
    return record | {network: {"areas": areas, **settings}}


def write_model_card(recipe: Recipe, record: dict[str, Any], scores: "EvaluationScores") -> None:
    """Writes training.json and README.md beside the weights. record: of `record_training`."""
    from idgbr.training import write_card

    (recipe.model / RECORD).write_text(json.dumps(record, indent=1) + "\n")
    trained_on = [f"The {name} network: {describe_areas(part['areas'])}." for name, part in record.items()]
    validation = describe_areas(recipe.validation.model_dump(mode="json", by_alias=True))
    write_card(
        recipe.model,
        recipe.title,
        " ".join([*trained_on, f"Scores in percent on areas kept out of training: {validation}."]),
        recipe.license,
        {name: part["steps"] for name, part in record.items()},
        scores,
    )


def describe_areas(areas: dict[str, Any]) -> str:
    """The areas of a recipe, as JSON, in words."""
    if areas["kind"] == "simulated":
        size = f"{areas['kilometres']:g} x {areas['kilometres']:g} km"
        return f"simulated worlds of {size}, seeds {', '.join(map(str, areas['seeds']))}"
    if areas["kind"] == "cube":
        return f"{areas['windows']} windows of {areas['side']} px of a cube's mosaics{_within(areas['bbox'])}"
    if areas["kind"] == "scenes":
        return f"a mosaic of real scenes{_within(areas['bbox'])}"
    if areas["kind"] == "images":
        return "a folder of images" + ("" if areas["include"] == ["*"] else f", of it {', '.join(areas['include'])}")
    if areas["kind"] == "scene-classes":
        return "scene classification of real scenes within " + ", ".join(f"{side:g}" for side in areas["bounds"])
    stems = "" if areas.get("only", ["*"]) == ["*"] else f", of it {', '.join(areas['only'])}"
    return f"a labelled data set folder{stems}"


def _within(bbox: list[float] | None) -> str:
    return "" if bbox is None else " within " + ", ".join(f"{side:g}" for side in bbox)

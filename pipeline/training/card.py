"""The card of a trained model."""

import json
from typing import Any

from pipeline.errors import UserError
from pipeline.training.recipe import Recipe
from pipeline.training.score import NAMES

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
}
"""Keys of a recipe that the record keeps, by their serialization aliases."""


def record(recipe: Recipe, network: str) -> dict[str, Any]:
    """What the networks of the model are trained on: the coarse one's record, if need be, and this training's.

    Raises UserError for a refiner whose coarse network has no record.
    """
    record: dict[str, Any] = {}
    others = {"network", "backbone"} if network == "refiner" else {"preset", "stable_diffusion", "folds"}
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


def card(recipe: Recipe, record: dict[str, Any], found: dict[str, dict[str, float]]) -> None:
    """Keeps what each network was trained on beside the weights, and writes the card of both."""
    from idgbr.training import write_card

    (recipe.model / RECORD).write_text(json.dumps(record, indent=1) + "\n")
    told = [f"The {name} network: {areas(part['areas'])}." for name, part in record.items()]
    validation = areas(recipe.validation.model_dump(mode="json", by_alias=True))
    write_card(
        recipe.model,
        recipe.title,
        " ".join([*told, f"Scores in percent on areas kept out of training: {validation}."]),
        recipe.license,
        {name: part["steps"] for name, part in record.items()},
        {f"{which} {NAMES[metric]}": value for which, values in found.items() for metric, value in values.items()},
    )


def areas(areas: dict[str, Any]) -> str:
    if areas["kind"] == "simulated":
        size = f"{areas['kilometres']:g} x {areas['kilometres']:g} km"
        return f"simulated worlds of {size}, seeds {', '.join(map(str, areas['seeds']))}"
    if areas["kind"] == "scene-classes":
        return "scene classification of real scenes within " + ", ".join(f"{side:g}" for side in areas["bounds"])
    chosen = "" if areas.get("only", ["*"]) == ["*"] else f", of it {', '.join(areas['only'])}"
    return f"a labelled data set folder{chosen}"

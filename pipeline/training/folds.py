"""Coarse masks for a refiner that learns from the areas its coarse network has learned from."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.digest import json_digest
from pipeline.errors import UserError
from pipeline.training.pair import Pair
from pipeline.training.prepare import TrainingAreas
from pipeline.training.recipe import Recipe, Report

if TYPE_CHECKING:
    from idgbr.coarse import NetworkCode

SAME_AS_COARSE = {"crop", "batch", "seed"}


def with_out_of_fold_masks(
    recipe: Recipe,
    coarse: dict[str, Any],
    areas: TrainingAreas,
    device: str,
    report: Report,
    code: "NetworkCode | None" = None,
) -> tuple[list[Pair], list[NDArray[Any]]]:
    """Each pair twice, with class probabilities KHW from a network that has not seen its place, of `recipe.folds`, and
    with those of the model's own coarse network, which has: the masks of new places lie between them.

    coarse: the record of the model's coarse network, which the further ones are trained like. They are kept in the
    recipe's `data` and go on where they were stopped. Raises UserError.
    """
    from idgbr import IDGBRPipeline
    from idgbr.coarse import KINDS, DiffHRNet
    from idgbr.json_file import read_json
    from idgbr.training import CoarseTraining, Optimisation
    from idgbr.training.coarse import out_of_fold

    assert recipe.folds is not None
    folds, group_of, pairs = recipe.folds, areas.groups, areas.pairs
    if len(set(group_of)) < folds:
        raise UserError(
            f"folds is {folds}, but the areas show {len(set(group_of))} place(s): {', '.join(sorted(set(group_of)))}; "
            "give fewer folds or more places"
        )
    first, own = coarse.get("backbone"), recipe.backbone and recipe.backbone.name
    if first != own:
        raise UserError(
            f"'backbone' is {own or 'not named'}, but the coarse network began with {first or 'none'}, and those of "
            "the folds must begin alike; name the same"
        )
    same: dict[str, Any] = {"code": code}
    if code is None:
        config = read_json(recipe.model / "coarse", "config.json", *KINDS)
        kind = KINDS[config["_class_name"]]
        keys = {key for key in config if not key.startswith("_")} - {"bands", "classes"}
        same = {"network": kind.__name__, "sizes": {key: config[key] for key in keys}}
        same["ddpm"] = recipe.model / "coarse" if kind is DiffHRNet else None
    training = CoarseTraining(
        **{key: coarse[key] for key in SAME_AS_COARSE},
        **vars(areas.spec),
        **same,
        backbone=recipe.backbone,
        share=coarse.get("share", 1.0),
        optimisation=Optimisation(
            steps=coarse["steps"], rate=coarse["rate"], precision=coarse.get("precision", "fp32")
        ),
        device=device,
    )
    steps = coarse["steps"]

    def listen(fold: int, progress: Any) -> None:
        note = f"fold {fold + 1} of {folds}, loss {progress.smoothed:.3f}, {progress.speed:.2f} steps/s"
        report(fold * steps + progress.step, folds * steps, note)

    folder = recipe.data / f"folds-{json_digest([coarse, group_of, folds])[:16]}"
    unseen = out_of_fold(pairs, group_of, training, folder, folds, listen)
    model = IDGBRPipeline.from_pretrained(recipe.model, code=code).to(device)
    seen = [model.coarse_probabilities(image_CHW[None])[0].astype(np.float16) for image_CHW, _ in pairs]
    return [*pairs, *pairs], [*unseen, *seen]

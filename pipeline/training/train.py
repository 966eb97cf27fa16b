"""`idgbr train`: from a recipe file to a model folder with a card."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipeline.training.card import card, record
from pipeline.training.folds import with_masks
from pipeline.training.prepare import Meaning, prepared
from pipeline.training.recipe import Pair, Recipe, Report, load
from pipeline.training.score import scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from idgbr.training import Progress


SAVE_EVERY = 200
"""Steps between states of a training that can be continued."""

Network = Literal["coarse", "refiner"]
Given = tuple[Recipe, Network, Meaning, dict[str, Any]]
"""Recipe, what is trained, what the areas mean, and the record of the coarse network if that is trained already."""
Tell = Callable[[tuple[int, int, str]], None]
"""Takes steps done, steps in all, and a note."""

__all__ = ["evaluate", "load", "prepared", "train"]


def train(recipe: Recipe, network: Network, report: Report) -> dict[str, dict[str, float]]:
    """Trains one network, scores the model on the areas kept out, and writes its card; returns the scores by map.

    What is interrupted goes on with the next call of the same recipe.
    """
    import torch

    about = record(recipe, network)
    device = recipe.device or ("cuda" if torch.cuda.is_available() else "cpu")
    meaning = None if network == "coarse" else _known(recipe.model)
    pairs, meaning = prepared(recipe.areas, recipe.data, report, meaning)
    validation, _ = prepared(recipe.validation, recipe.data, report, meaning)

    given = recipe, network, meaning, about.get("coarse", {})
    if recipe.workers == 1:
        _work(given, pairs, device, lambda told: report(*told))
    else:
        from cluster.ray_train import run_ranks

        cuda = device == "cuda"
        run_ranks(_rank, given, recipe.workers, cuda, recipe.data, recipe.address, lambda told: report(*told))
    _state(recipe, network).unlink(missing_ok=True)
    found = evaluate(recipe.model, validation, device)
    card(recipe, about, found)
    return found


def _rank(given: Given, device: str, tell: Tell) -> None:
    """What each of several workers does: it reads the areas, which are made by now, itself."""
    recipe, _, meaning, _ = given
    pairs, _ = prepared(recipe.areas, recipe.data, lambda *done: None, meaning)
    _work(given, pairs, device, tell)


def _work(given: Given, pairs: list[Pair], device: str, tell: Tell) -> None:
    """Trains the coarse networks of the folds, if any, and the network asked for."""
    recipe, network, meaning, coarse = given
    masks = None
    if network == "refiner" and recipe.folds is not None:
        pairs, masks = with_masks(recipe, coarse, pairs, meaning, device, lambda *told: tell(told))
    for progress in _steps(recipe, network, pairs, meaning, device, masks):
        tell((progress.step, progress.steps, f"loss {progress.smoothed:.3f}, {progress.speed:.2f} steps/s"))


def _steps(
    recipe: Recipe,
    network: Network,
    pairs: list[Pair],
    meaning: Meaning,
    device: str,
    masks: "list[NDArray[Any]] | None",
) -> Iterator["Progress"]:
    from idgbr.refiners.presets import PRESETS
    from idgbr.training import CoarseTraining, Optimisation, RefinerTraining, train_coarse, train_refiner

    how = Optimisation(steps=recipe.steps, rate=recipe.learning_rate, precision=recipe.precision)
    common: dict[str, Any] = {
        **recipe.model_dump(include={"crop_size", "batch_size", "seed"}, by_alias=True),
        "sizes": {**PRESETS.get(recipe.preset or "", {}), **recipe.model_args},
        "optimisation": how,
        "device": device,
    }
    state = _state(recipe, network)
    if network == "refiner":
        return train_refiner(
            pairs, recipe.model, RefinerTraining(**common), masks, refiner=_start(recipe, meaning), state=state
        )
    if recipe.network is not None:
        common["network"] = recipe.network
    config = CoarseTraining(**common, **vars(meaning), backbone=recipe.backbone)
    return train_coarse(pairs, recipe.model, config, state, save_every=SAVE_EVERY)


def _start(recipe: Recipe, meaning: Meaning) -> Any:
    """A refiner made of Stable Diffusion, where the recipe names a folder of it."""
    if recipe.stable_diffusion is None:
        return None
    from idgbr.refiners.sd15 import load_sd15

    sizes = len(meaning.bands), len(meaning.classes)
    return load_sd15(recipe.stable_diffusion, *sizes, seed=recipe.seed, **recipe.model_args)


def _state(recipe: Recipe, network: Network) -> Path:
    return recipe.model / f"{network}.training.safetensors"


def _known(model: Path) -> Meaning:
    from idgbr import IDGBRPipeline

    settings = IDGBRPipeline.from_pretrained(model).settings
    classes = tuple(dict(row) for row in settings.classes)
    return Meaning(classes, settings.bands, settings.no_label, settings.blank, settings.grey)


def evaluate(folder: Path, pairs: list[Pair], device: str = "cpu") -> dict[str, dict[str, float]]:
    """Scores of the coarse and, if there is a refiner, of the refined map of whole labelled areas."""
    from idgbr import IDGBRPipeline

    model = IDGBRPipeline.from_pretrained(folder).to(device)
    coarse, refined = [], []
    for image_BHW, label_HW in pairs:
        maps = model.maps(image_BHW[None])
        coarse.append((label_HW, maps.coarse_BHW[0]))
        refined.append((label_HW, maps.refined_BHW[0]))
    known = model.settings.codes, model.settings.no_label
    found = {"coarse": scores(coarse, *known)}
    return found if model.refiner is None else found | {"refined": scores(refined, *known)}

"""The two recipes of a model in a folder."""

from pathlib import Path

from pipeline.errors import UserError
from pipeline.training.card import check_keys
from pipeline.training.recipe import Recipe, load

COARSE, REFINER = "coarse.yaml", "refiner.yaml"


def load_model(folder: Path) -> tuple[Recipe, Recipe]:
    """The recipes of the coarse network and of the refiner. Raises UserError for what is wrong in either, and unless
    both name one model folder."""
    coarse, refiner = load(folder / COARSE), load(folder / REFINER)
    check_keys(coarse, "coarse")
    check_keys(refiner, "refiner")
    if coarse.model.resolve() != refiner.model.resolve():
        raise UserError(
            f"{folder / COARSE} makes the model {coarse.model}, but {folder / REFINER} completes {refiner.model}; name "
            "one folder in both"
        )
    return coarse, refiner

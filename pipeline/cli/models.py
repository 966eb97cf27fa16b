"""Verbs about models: train, evaluate."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.console.output import check_writable, write_text
from pipeline.errors import UserError

RecipeFile = Annotated[Path, typer.Argument(metavar="CONFIG.yaml", help="the recipe file")]

app = typer.Typer()
training = typer.Typer(help="Train a network from a recipe file.", no_args_is_help=True)
app.add_typer(training, name="train")


@training.command()
def coarse(config: RecipeFile) -> None:
    """Trains a coarse segmenter and writes a model folder.

    Example: `idgbr train coarse recipe.yaml`
    """
    _train(config, "coarse")


@training.command()
def refiner(config: RecipeFile) -> None:
    """Trains the boundary refiner of a model folder whose coarse segmenter is done.

    Example: `idgbr train refiner recipe.yaml`
    """
    _train(config, "refiner")


def _train(config: Path, network: Any) -> None:
    from pipeline.console.progress import counted
    from pipeline.console.tables import table
    from pipeline.training.score import NAMES
    from pipeline.training.train import load, train

    recipe = load(config)
    with counted(network) as report:
        found = train(recipe, network, report)
    rows = [(NAMES[metric], *(f"{values[metric]:.2f}" for values in found.values())) for metric in NAMES]
    table(f"{recipe.model}, on areas kept out, %", rows, ("", *found))


@app.command()
def evaluate(
    model: Annotated[Path, typer.Option(metavar="DIR", help="the model's folder")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="a folder of images/ and labels/ with the same stems")],
    ignore: Annotated[str, typer.Option(metavar="5,6", help="label values that mean no label")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="write all scores to FILE")] = None,
) -> None:
    """Compares a model's coarse and refined maps with labels: in total, by class, by image.

    Example: `idgbr evaluate --model model --data aerial --ignore 5,6 --json scores.json`
    """
    from pipeline.console.progress import counted
    from pipeline.training.evaluate import evaluate as evaluate_subject
    from pipeline.training.evaluate import prepare, show

    try:
        ignored = [int(part) for part in ignore.split(",") if ignore]
    except ValueError:
        raise UserError(f"--ignore is {ignore!r}; give label values as whole numbers, such as 5,6") from None
    if json_file is not None:
        check_writable(json_file)
    subject = prepare(model, data, ignored)
    with counted("evaluate") as report:
        found = evaluate_subject(subject, report)
    if json_file is None:
        show(found)
    else:
        write_text(json_file, json.dumps(found, indent=1, allow_nan=False) + "\n")

"""Verbs about models: train, evaluate."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.console.output import check_writable, to_json, write_text
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
    from pipeline.training.recipe import load

    recipe = load(config)
    from pipeline.console.progress import progress_bar
    from pipeline.training.evaluate import print_scores
    from pipeline.training.train import train

    with progress_bar(network) as report:
        scores = train(recipe, network, report)
    print_scores(f"{recipe.model}, on areas kept out, %", scores)


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
    from pipeline.console.progress import progress_bar
    from pipeline.training.evaluate import evaluate as evaluate_model
    from pipeline.training.evaluate import open_model_and_images, print_report

    try:
        ignored = [int(part) for part in ignore.split(",") if ignore]
    except ValueError:
        raise UserError(f"--ignore is {ignore!r:.80}; give label values as whole numbers, such as 5,6") from None
    if json_file is not None:
        check_writable(json_file)
    pipeline, images = open_model_and_images(model, data, ignored)
    with progress_bar("evaluate") as report:
        scores = evaluate_model(pipeline, images, report)
    if json_file is None:
        print_report(scores)
    else:
        write_text(json_file, to_json(scores, indent=1) + "\n")

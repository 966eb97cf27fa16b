"""Verbs about models: train, evaluate."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.options import ModelPlace, OwnCode
from pipeline.console.messages import tell
from pipeline.console.output import check_writable, to_json, write_text
from pipeline.errors import UserError

if TYPE_CHECKING:
    from pipeline.training.recipe import Recipe
    from pipeline.training.train import Network

RecipeFile = Annotated[Path, typer.Argument(metavar="CONFIG.yaml", help="the recipe file")]

Again = Annotated[bool, typer.Option("--again", help="train anew what the recipe has finished")]

app = typer.Typer()
training = typer.Typer(help="Train a network from a recipe file.", no_args_is_help=True)
app.add_typer(training, name="train")


@training.command()
def coarse(config: RecipeFile, again: Again = False) -> None:
    """Trains a coarse segmenter and writes a model folder.

    Example: `idgbr train coarse recipe.yaml`
    """
    from pipeline.training.recipe import load

    _train(load(config), "coarse", again)


@training.command()
def refiner(config: RecipeFile, again: Again = False) -> None:
    """Trains the boundary refiner of a model folder whose coarse segmenter is done.

    Example: `idgbr train refiner recipe.yaml`
    """
    from pipeline.training.recipe import load

    _train(load(config), "refiner", again)


@training.command()
def model(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="with coarse.yaml and refiner.yaml, as init writes")],
    again: Again = False,
) -> None:
    """Trains both networks of a model, each from its recipe: the coarse segmenter, then the refiner.

    Example: `idgbr train model tyrol`
    """
    from pipeline.training.model_recipes import load_model

    coarse_recipe, refiner_recipe = load_model(folder)
    _train(coarse_recipe, "coarse", again)
    _train(refiner_recipe, "refiner", again)


@training.command()
def change(config: RecipeFile, again: Again = False) -> None:
    """Trains a change model, on pairs of dates with what changed between them, and writes a model folder.

    Example: `idgbr train change recipe.yaml`
    """
    from pipeline.training.change_recipe import load_change

    recipe = load_change(config)
    from pipeline.console.progress import progress_bar
    from pipeline.training.evaluate_change import print_change_scores
    from pipeline.training.train_change import train_change

    with progress_bar("change") as report:
        scores = train_change(recipe, report, again, lambda: _tell_kept(recipe.model))
    print_change_scores(f"{recipe.model}, on pairs kept out, %", scores)


@training.command()
def ddpm(config: RecipeFile, again: Again = False) -> None:
    """Trains a diffusion U-Net on images without labels, for coarse networks of the kind DiffHRNet.

    Example: `idgbr train ddpm recipe.yaml`
    """
    from pipeline.training.ddpm_recipe import load_ddpm

    recipe = load_ddpm(config)
    from pipeline.console.progress import progress_bar
    from pipeline.training.train_ddpm import print_errors, train_ddpm

    with progress_bar("ddpm") as report:
        errors = train_ddpm(recipe, report, again, lambda: _tell_kept(recipe.model))
    print_errors(f"{recipe.model}, error of the predicted noise on images kept out", errors)


def _tell_kept(model: Path) -> None:
    tell(f"{model} has finished this recipe on the same data, and is kept; --again trains it anew")


def _train(recipe: "Recipe", network: "Network", again: bool) -> None:
    from pipeline.console.progress import progress_bar
    from pipeline.training.balance import describe_balance
    from pipeline.training.evaluate import print_scores
    from pipeline.training.train import train

    with progress_bar(network) as report:
        scores = train(
            recipe,
            network,
            report,
            lambda rows: print(describe_balance(rows), file=sys.stderr),
            again,
            lambda: _tell_kept(recipe.model),
        )
    print_scores(f"{recipe.model}, on areas kept out, %", scores)


@app.command()
def evaluate(
    model: ModelPlace,
    data: Annotated[Path, typer.Option(metavar="DIR", help="a folder of images/ and labels/ (change: A/, B/, label/)")],
    ignore: Annotated[str, typer.Option(metavar="5,6", help="label values that mean no label")] = "",
    code: OwnCode = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="write all scores to FILE")] = None,
) -> None:
    """Compares a model's maps with labels: of land cover, the coarse and the refined map; or of change.

    Example: `idgbr evaluate --model model --data aerial --ignore 5,6 --json scores.json`
    """
    from pipeline.config.model import model_at
    from pipeline.console.progress import progress_bar

    try:
        ignored = [int(part) for part in ignore.split(",") if ignore]
    except ValueError:
        raise UserError(f"--ignore is {ignore!r:.80}; give label values as whole numbers, such as 5,6") from None
    if json_file is not None:
        check_writable(json_file)
    with model_at(model) as folder, progress_bar("evaluate") as report:
        scores, show = _evaluate(folder, data, ignored, code, report)
    if json_file is not None:
        write_text(json_file, to_json(scores, indent=1) + "\n")
    show(scores)


def _evaluate(folder: Path, data: Path, ignored: list[int], code: str | None, report: Any) -> tuple[Any, Any]:
    """The scores, and what prints them."""
    from idgbr.json_file import read_json

    kind = read_json(folder, "model_index.json", "IDGBRPipeline", "ChangePipeline")["_class_name"]
    if kind == "ChangePipeline":
        from pipeline.training.evaluate_change import evaluate_change, open_model_and_pairs, print_change_report

        change_model, pairs = open_model_and_pairs(folder, data, tuple(ignored))
        return evaluate_change(change_model, pairs, len(pairs), report), print_change_report
    from idgbr.coarse import read_code
    from pipeline.training.evaluate import evaluate as evaluate_model
    from pipeline.training.evaluate import open_model_and_images, print_report

    pipeline, images = open_model_and_images(folder, data, ignored, None if code is None else read_code(code))
    return evaluate_model(pipeline, images, report), print_report

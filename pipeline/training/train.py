"""`idgbr train`: from a recipe file to a model folder with a card."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipeline.training.balance import ClassBalance, class_balance
from pipeline.training.card import record_training, write_model_card, write_record
from pipeline.training.finished import Training, data_digest
from pipeline.training.folds import with_out_of_fold_masks
from pipeline.training.pair import Pair
from pipeline.training.prepare import DatasetSpec, TrainingAreas, load_training
from pipeline.training.recipe import Recipe, Report, load

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from idgbr import IDGBRPipeline
    from idgbr.coarse import NetworkCode
    from idgbr.metrics import EvaluationScores
    from idgbr.training import Progress


SAVE_EVERY = 200
"""Steps between states of a training that can be continued."""

Network = Literal["coarse", "refiner"]
Listener = Callable[[tuple[int, int, str]], None]
"""Takes steps done, steps in all, and a note."""

__all__ = ["load", "train"]


@dataclass(frozen=True)
class Job:
    """What every worker of a training needs; coarse_record: how the coarse network was trained, if it is already."""

    recipe: Recipe
    network: Network
    spec: DatasetSpec
    coarse_record: dict[str, Any]
    code: "NetworkCode | None" = None


def train(
    recipe: Recipe,
    network: Network,
    report: Report,
    tell: Callable[[list[ClassBalance]], None] = lambda rows: None,
    again: bool = False,
    on_kept: Callable[[], None] = lambda: None,
) -> "EvaluationScores":
    """Trains one network, scores the model on the labels kept out, and writes its card; returns the scores.

    tell: called with the shares of the classes before the first step. A call of the same recipe after an interruption
    continues: an interrupted scoring is begun anew, the steps are not done again. A recipe that is finished, on the
    same data, is not trained unless `again`: `on_kept` is called, and the scores are those of then. Raises UserError.
    """
    import torch

    from idgbr import IDGBRPipeline
    from idgbr.coarse import read_code
    from idgbr.metrics import EvaluationScores
    from pipeline.training.evaluate import evaluate

    code = None if recipe.code is None else read_code(recipe.code)
    record = record_training(recipe, network, code)
    device = recipe.device or ("cuda" if torch.cuda.is_available() else "cpu")
    spec = None if network == "coarse" else _spec_of(recipe, code)
    areas = load_training(recipe, report, spec)
    files = ("coarse/*",) if network == "coarse" else ("coarse/*", "refiner/*")
    training = Training(recipe.model, network, files, record, data_digest([*areas.pairs, *areas.validation]))
    state = _state(recipe, network)
    if not again and not state.exists() and (finished := training.scores(EvaluationScores)) is not None:
        on_kept()
        return finished
    training.file.unlink(missing_ok=True)
    tell(class_balance(areas.pairs, areas.validation, areas.spec.classes))

    job = Job(recipe, network, areas.spec, record.get("coarse", {}), code)
    if recipe.workers == 1:
        with _threads(recipe):
            _train_network(job, areas, device, lambda step: report(*step))
    else:
        from cluster.ray_train import run_ranks

        cuda = device == "cuda"
        run_ranks(_rank, job, recipe.workers, cuda, recipe.data, recipe.address, lambda step: report(*step))
    write_record(recipe.model, record)
    model = IDGBRPipeline.from_pretrained(recipe.model, code=code).to(device)
    model = _calibrated(recipe, _with_its_noise(recipe, model), areas)
    images = [(str(number), *pair, (0, 0)) for number, pair in enumerate(areas.validation)]
    scores = evaluate(model, images, lambda done, total, stem: report(done, total, "scored"))
    write_model_card(recipe, record, scores, code)
    training.finish(EvaluationScores(coarse=scores.coarse, refined=scores.refined, repair=scores.repair))
    state.unlink(missing_ok=True)
    return scores


def _with_its_noise(recipe: Recipe, model: "IDGBRPipeline") -> "IDGBRPipeline":
    """The model with the `sigma` that the recipe maps with, where that is not its training's, saved as such."""
    if recipe.inference is not None and recipe.inference.sigma is not None and model.refiner is not None:
        model.refiner.register_to_config(sigma=recipe.inference.sigma)
        model.save_pretrained(recipe.model)
    return model


def _run(recipe: Recipe) -> dict[str, Any]:
    """Settings of a refiner's model: the recipe's `inference`, and the default overlap where it names none."""
    from idgbr import Settings

    named = {} if recipe.inference is None else recipe.inference.model_dump(exclude_none=True, exclude={"sigma"})
    return {"overlap": Settings.overlap, **named}


def _calibrated(recipe: Recipe, model: "IDGBRPipeline", areas: TrainingAreas) -> "IDGBRPipeline":
    """The model with its temperature and errors of areas, saved as such; without them unless the recipe asks."""
    from idgbr import IDGBRPipeline
    from idgbr.training import calibrate

    settings = replace(model.settings, temperature=1.0, area_errors=None)
    if recipe.calibrate:
        settings = replace(settings, **vars(calibrate(model, areas.validation)))
    if settings != model.settings:
        device = model.device
        model = IDGBRPipeline(settings, model.coarse, model.refiner, model.scheduler).to(device)
        model.save_pretrained(recipe.model)
    return model


@contextmanager
def _threads(recipe: Recipe) -> Iterator[None]:
    """PyTorch's threads in this process, where the recipe names their number."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(recipe.threads or before)
    yield
    torch.set_num_threads(before)


def _rank(job: Job, device: str, listener: Listener) -> None:
    """One of several workers. It reads the areas itself; they have been made by now."""
    with _threads(job.recipe):
        _train_network(job, load_training(job.recipe, lambda *step: None, job.spec), device, listener)


def _train_network(job: Job, areas: TrainingAreas, device: str, listener: Listener) -> None:
    """Trains the coarse networks of the folds, if any, and the job's network."""
    pairs, masks = areas.pairs, None
    if job.network == "refiner" and job.recipe.folds is not None:
        pairs, masks = with_out_of_fold_masks(
            job.recipe, job.coarse_record, areas, device, lambda *step: listener(step), job.code
        )
    for progress in _steps(job, pairs, device, masks):
        listener((progress.step, progress.steps, f"loss {progress.smoothed:.3f}, {progress.speed:.2f} steps/s"))


def _steps(job: Job, pairs: list[Pair], device: str, masks: "list[NDArray[Any]] | None") -> Iterator["Progress"]:
    from idgbr.refiners.presets import PRESETS
    from idgbr.training import CoarseTraining, Optimisation, RefinerTraining, train_coarse, train_refiner

    recipe = job.recipe
    optimisation = Optimisation(steps=recipe.steps, rate=recipe.learning_rate, precision=recipe.precision)
    common: dict[str, Any] = {
        **recipe.model_dump(include={"crop_size", "batch_size", "seed"}, by_alias=True),
        "sizes": {**PRESETS.get(recipe.preset or "", {}), **recipe.model_args},
        "optimisation": optimisation,
        "device": device,
    }
    state = _state(recipe, job.network)
    if job.network == "refiner":
        refiner = _stable_diffusion_refiner(job)
        config = RefinerTraining(
            **common, **recipe.model_dump(include={"true_states", "condition_dropout"}, exclude_none=True)
        )
        return train_refiner(
            pairs, recipe.model, config, masks, refiner=refiner, state=state, code=job.code, run=_run(recipe)
        )
    if recipe.network is not None:
        common["network"] = recipe.network
    if recipe.share is not None:
        common["share"] = recipe.share
    coarse = CoarseTraining(**common, **vars(job.spec), backbone=recipe.backbone, ddpm=recipe.ddpm, code=job.code)
    return train_coarse(pairs, recipe.model, coarse, state, save_every=SAVE_EVERY)


def _stable_diffusion_refiner(job: Job) -> Any:
    """A refiner made of Stable Diffusion where the recipe names a folder of it, else None."""
    recipe = job.recipe
    if recipe.stable_diffusion is None:
        return None
    from idgbr.refiners.sd15 import load_sd15

    channels = len(job.spec.bands), len(job.spec.classes)
    return load_sd15(recipe.stable_diffusion, *channels, seed=recipe.seed, **recipe.model_args)


def _state(recipe: Recipe, network: Network) -> Path:
    return recipe.model / f"{network}.training.safetensors"


def _spec_of(recipe: Recipe, code: "NetworkCode | None") -> DatasetSpec:
    """What the images and labels of a model mean. InputError where it cannot map as the recipe says."""
    from idgbr import IDGBRPipeline

    settings = replace(IDGBRPipeline.from_pretrained(recipe.model, code=code).settings, **_run(recipe))
    classes = tuple(dict(row) for row in settings.classes)
    return DatasetSpec(classes, settings.bands, settings.no_label, settings.blank, settings.grey)

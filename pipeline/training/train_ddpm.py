"""`idgbr train ddpm`: from a recipe file to the folder of a diffusion U-Net with a card and sample images."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.console.tables import print_table
from pipeline.errors import UserError
from pipeline.training.card import describe_areas
from pipeline.training.ddpm_recipe import DDPMRecipe, Unlabelled
from pipeline.training.finished import Training, data_digest
from pipeline.training.ground import RECORD
from pipeline.training.recipe import Report
from pipeline.training.sample_sheet import write_sheet
from pipeline.training.unlabelled import ImageSet, load_images

if TYPE_CHECKING:
    from idgbr.training import DDPMTraining
    from idgbr.training.denoising import DenoisingError

SAVE_EVERY = 200
"""Steps between states of a training that can be continued."""
RECORDED = {"steps", "preset", "model_args", "crop_size", "batch_size", "learning_rate", "average", "seed", "precision"}
SAMPLES = 6
SHEET = "samples.png"
ERRORS = "denoising.json"

Listener = Callable[[tuple[int, int, str]], None]
"""Takes steps done, steps in all, and a note."""


@dataclass(frozen=True)
class Job:
    """What every worker of a training needs."""

    recipe: DDPMRecipe
    bands: tuple[str, ...]


def train_ddpm(
    recipe: DDPMRecipe, report: Report, again: bool = False, on_kept: Callable[[], None] = lambda: None
) -> "list[DenoisingError]":
    """Trains a U-Net, measures its error on the validation images, draws samples and writes its card; the errors.

    A call of the same recipe after an interruption continues. A recipe that is finished, on the same images, is not
    trained unless `again`: `on_kept` is called, and the errors are those of then. Raises UserError.
    """
    import torch

    from idgbr.checkpoint import load_network
    from idgbr.coarse.diffusion_unet import DiffusionUNet
    from idgbr.layers.network import WEIGHTS
    from idgbr.training.ddpm import unlabelled_crops
    from idgbr.training.denoising import DenoisingError, denoising_errors, draw_samples, real_images

    device = recipe.device or ("cuda" if torch.cuda.is_available() else "cpu")
    images = load_images(recipe.areas, recipe.data, report)
    validation = load_images(recipe.validation, recipe.data, report)
    if validation.bands != images.bands:
        raise UserError(
            f"the areas have the bands {', '.join(images.bands)}, but the validation {', '.join(validation.bands)}; "
            "name the same"
        )
    record, data = _record_of(recipe), data_digest([(image,) for image in [*images.images, *validation.images]])
    training = Training(recipe.model, "ddpm", ("config.json", WEIGHTS), record, data)
    state = _state(recipe)
    if not again and not state.exists() and (finished := training.scores(list[DenoisingError])) is not None:
        on_kept()
        return finished
    training.file.unlink(missing_ok=True)
    if recipe.workers == 1:
        _train(recipe, images, device, lambda step: report(*step))
    else:
        from cluster.ray_train import run_ranks

        job = Job(recipe, images.bands)
        cuda = device == "cuda"
        run_ranks(_rank, job, recipe.workers, cuda, recipe.data, recipe.address, lambda step: report(*step))
    network = load_network({"DiffusionUNet": DiffusionUNet}, recipe.model).place(device)
    held = unlabelled_crops(validation.images, _config(recipe, validation, device))
    errors = denoising_errors(network, held)
    made = draw_samples(network, SAMPLES, recipe.crop_size, recipe.sampling_steps, recipe.seed)
    real = real_images(network, held, SAMPLES)
    write_sheet(recipe.model / SHEET, [real.numpy(), made.numpy()], images.bands)
    (recipe.model / ERRORS).write_text(json.dumps([asdict(error) for error in errors], indent=1) + "\n")
    _write_card(recipe, record, network, errors)
    training.finish(errors)
    state.unlink(missing_ok=True)
    return errors


def print_errors(title: str, errors: "list[DenoisingError]") -> None:
    """Prints the error at each noise level beside that of one who sees each pixel alone."""
    rows = [
        (f"{error.step}", f"{error.alpha_bar:.4f}", f"{error.error:.4f}", f"{error.pointwise:.4f}") for error in errors
    ]
    print_table(title, rows, ("step", "signal", "error", "pixel alone"))


def _rank(job: Job, device: str, listener: Listener) -> None:
    """One of several workers. It reads the images itself; mosaics have been made by now."""
    images = load_images(job.recipe.areas, job.recipe.data, lambda *step: None)
    _train(job.recipe, images, device, listener)


def _train(recipe: DDPMRecipe, images: ImageSet, device: str, listener: Listener) -> None:
    from idgbr.training import train_ddpm as train

    config = _config(recipe, images, device)
    for progress in train(images.images, recipe.model, config, _state(recipe), save_every=SAVE_EVERY):
        listener((progress.step, progress.steps, f"loss {progress.smoothed:.4f}, {progress.speed:.2f} steps/s"))


def _config(recipe: DDPMRecipe, images: ImageSet, device: str) -> "DDPMTraining":
    from idgbr.coarse.diffusion_unet import PRESETS
    from idgbr.training import DDPMTraining, Optimisation

    return DDPMTraining(
        bands=images.bands,
        crop=recipe.crop_size,
        batch=recipe.batch_size,
        seed=recipe.seed,
        sizes={**PRESETS[recipe.preset], **recipe.model_args},
        blank=images.blank,
        optimisation=Optimisation(
            steps=recipe.steps,
            rate=recipe.learning_rate,
            warmup=min(recipe.warmup, recipe.steps // 10),
            ema=recipe.average,
            precision=recipe.precision,
        ),
        device=device,
    )


def _state(recipe: DDPMRecipe) -> Path:
    return recipe.model / "ddpm.training.safetensors"


def _record_of(recipe: DDPMRecipe) -> dict[str, Any]:
    return {"areas": _record(recipe.areas), **recipe.model_dump(mode="json", include=RECORDED)}


def _write_card(recipe: DDPMRecipe, record: dict[str, Any], network: Any, errors: "list[DenoisingError]") -> None:
    from idgbr.training.card import write_ddpm_card

    (recipe.model / RECORD).write_text(json.dumps({"ddpm": record}, indent=1) + "\n")
    about = (
        f"Images without labels: {describe_areas(_record(recipe.areas))}. Error on images kept out of training: "
        f"{describe_areas(_record(recipe.validation))}. First row of [{SHEET}]({SHEET}): such images; second row: "
        "images that the network makes of noise."
    )
    write_ddpm_card(recipe.model, recipe.title, about, recipe.license, recipe.steps, network, errors)


def _record(areas: Unlabelled) -> dict[str, Any]:
    """Without paths."""
    return areas.model_dump(mode="json", by_alias=True, exclude={"region", "path"})

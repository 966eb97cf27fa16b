"""`idgbr train change`: from a recipe file to a change model's folder with a card."""

from collections.abc import Callable
from dataclasses import fields
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import catalogs
from idgbr.classes import UNLABELLED
from pipeline.digest import json_digest
from pipeline.errors import UserError
from pipeline.training.card import areas_record, describe_areas, write_record
from pipeline.training.change_areas import make_pairs, stem
from pipeline.training.change_recipe import ChangeAreas, ChangePairs, ChangeRecipe, SimulatedPairs, Spn
from pipeline.training.change_set import ChangeSet, change_set, in_memory
from pipeline.training.change_years import make_years, stems_of_year
from pipeline.training.finished import Training, data_digest
from pipeline.training.pair import Pair
from pipeline.training.prepare import load_areas
from pipeline.training.recipe import Report

if TYPE_CHECKING:
    from idgbr.metrics.change import ChangeScores
    from idgbr.training import ChangeTraining

SAVE_EVERY = 50
"""Steps between states of a training that can be continued."""
BOTH_STAGES = {"preset", "model_args", "crop_size", "batch_size", "learning_rate", "seed", "precision"}
"""Keys of a recipe that hold for both."""


def train_change(
    recipe: ChangeRecipe, report: Report, again: bool = False, on_kept: Callable[[], None] = lambda: None
) -> "ChangeScores":
    """Trains the stages of a recipe, scores the model on the validation pairs, and writes its card; the scores.

    A call of the same recipe after an interruption continues. A recipe that is finished, on the same data, is not
    trained unless `again`: `on_kept` is called, and the scores are those of then. Raises UserError.
    """
    from idgbr.change import ChangePipeline
    from idgbr.metrics.change import ChangeScores
    from idgbr.training import train_change as train
    from idgbr.training import train_scout
    from idgbr.training.card import write_change_card
    from pipeline.training.evaluate_change import check_tiles, evaluate_change

    pairs, validation = (load_pairs(areas, recipe.data, report) for areas in (recipe.areas, recipe.validation))
    if validation.bands != pairs.bands:
        raise UserError(
            f"the areas have the bands {', '.join(pairs.bands)}, but the validation {', '.join(validation.bands)}; "
            "name the same"
        )
    config, record = _config(recipe, recipe.steps, pairs.bands, pairs.blank), _record(recipe)
    check_tiles(config.multiple)
    dates, state = in_memory(pairs), recipe.model / "change.training.safetensors"
    data = data_digest(chain(dates, (pair for _, pair in validation)))  # which tells a bad pair before any training
    prior, known = None, record
    if recipe.spn is not None:
        single, blank = _spn_pairs(recipe, recipe.spn, pairs.bands, report)
        prior = _spn_folder(recipe, recipe.spn, single)
        known = {**record, "prior": prior.name}
    training = Training(recipe.model, "change", ("model_index.json", "network/*", "scout/*"), known, data)
    if not again and not state.exists() and (finished := training.scores(ChangeScores)) is not None:
        on_kept()
        return finished
    training.file.unlink(missing_ok=True)
    if recipe.spn is not None and prior is not None:
        _train_spn(prior, single, _config(recipe, recipe.spn.steps, pairs.bands, blank), report, again)
    for progress in train(dates, recipe.model, config, prior, state, save_every=SAVE_EVERY):
        report(
            progress.step,
            progress.steps,
            f"{_stage(recipe)}, loss {progress.smoothed:.3f}, {progress.speed:.2f} steps/s",
        )
    if recipe.scout is not None:
        how = recipe.scout.steps, recipe.scout.recall, recipe.scout.pixels
        for progress in train_scout(
            dates, recipe.model, config, *how, lambda done: report(done, len(dates), "pairs the network is asked about")
        ):
            report(progress.step, progress.steps, f"scout, loss {progress.smoothed:.3f}, {progress.speed:.2f} steps/s")
    write_record(recipe.model, record)
    model = ChangePipeline.from_pretrained(recipe.model).to(config.device)
    scores = evaluate_change(model, validation, len(validation), lambda done, of, stem: report(done, of, "scored"))
    steps = {stage: part["steps"] for stage, part in record.items()}
    write_change_card(recipe.model, recipe.title, _describe(recipe), recipe.license, steps, scores)
    training.finish(ChangeScores(**{each.name: getattr(scores, each.name) for each in fields(ChangeScores)}))
    state.unlink(missing_ok=True)
    return scores


def load_pairs(areas: ChangeAreas, data: Path, report: Report) -> ChangeSet:
    """The pairs of a recipe, not yet read; simulated ones are made first where `data` lacks them. Raises UserError."""
    if isinstance(areas, ChangePairs):
        return change_set(areas.path, areas.bands, areas.nodata, areas.ignore, areas.include)
    make_pairs(areas.seeds, areas.kilometres, data, report)
    make_years(areas.years, areas.kilometres, data, report)
    stems = [stem(seed, areas.kilometres) for seed in areas.seeds]
    stems += [name for seed in areas.years for name in stems_of_year(seed, areas.kilometres)]
    return change_set(data, catalogs.ROLES, include=stems)


def _spn_pairs(
    recipe: ChangeRecipe, spn: Spn, bands: tuple[str, ...], report: Report
) -> tuple[list[Pair], float | None]:
    """The areas of the stage spn with the foreground as label, and the number of pixels without data."""
    pairs, spec = load_areas(spn.areas, recipe.data, report)
    if tuple(spec.bands) != bands:
        raise UserError(
            f"the areas of spn have the bands {', '.join(spec.bands)}, but the pairs {', '.join(bands)}; "
            "the change network starts from a prior of its own bands only"
        )
    codes = [row["code"] for row in spec.classes]
    if unknown := sorted(set(spn.foreground) - set(codes)):
        raise UserError(f"foreground of spn names {unknown}, but its areas have the classes {sorted(codes)}")
    return [_foreground(pair, spn.foreground, spec.no_label) for pair in pairs], spec.blank


def _spn_folder(recipe: ChangeRecipe, spn: Spn, pairs: list[Pair]) -> Path:
    """Where `data` keeps the prior network of these pairs for all recipes that begin alike."""
    settings = spn.model_dump(mode="json"), recipe.model_dump(mode="json", include=BOTH_STAGES)
    return recipe.data / f"spn-{json_digest([*settings, data_digest(pairs)])[:16]}"


def _train_spn(folder: Path, pairs: list[Pair], config: "ChangeTraining", report: Report, again: bool) -> None:
    """Trains the prior network, unless the folder has it."""
    from idgbr.training import train_prior

    state = folder.with_suffix(".safetensors")
    if folder.is_dir() and not state.exists() and not again:
        return
    for progress in train_prior(pairs, folder, config, state):
        report(progress.step, progress.steps, f"spn, loss {progress.smoothed:.3f}, {progress.speed:.2f} steps/s")
    state.unlink(missing_ok=True)


def _foreground(pair: Pair, codes: list[int], no_label: int) -> Pair:
    image_BHW, label_HW = pair
    true_HW = np.isin(label_HW, codes).astype(np.uint8)
    return image_BHW, np.where(label_HW == no_label, np.uint8(UNLABELLED), true_HW)


def _config(recipe: ChangeRecipe, steps: int, bands: tuple[str, ...], blank: float | None) -> "ChangeTraining":
    import torch

    from idgbr.change import PRESETS, ChangeNetwork, SiameseUNet
    from idgbr.training import ChangeTraining, short_schedule

    return ChangeTraining(
        bands=bands,
        crop=recipe.crop_size,
        window=recipe.window_size,
        batch=recipe.batch_size,
        seed=recipe.seed,
        network=SiameseUNet if recipe.preset == "siamese" else ChangeNetwork,
        sizes={**PRESETS.get(recipe.preset, {}), **recipe.model_args},
        blank=blank,
        optimisation=short_schedule(steps, recipe.learning_rate, precision=recipe.precision),
        device=recipe.device or ("cuda" if torch.cuda.is_available() else "cpu"),
    )


def _record(recipe: ChangeRecipe) -> dict[str, Any]:
    """By stage, what it was trained on and how; no paths."""
    settings = recipe.model_dump(mode="json", include=BOTH_STAGES)
    network = {"areas": recipe.areas.model_dump(mode="json", exclude={"path"}), "steps": recipe.steps, **settings}
    if recipe.window_size is not None:
        network["window_size"] = recipe.window_size
    after = {} if recipe.scout is None else {"scout": recipe.scout.model_dump(mode="json")}
    if recipe.spn is None:
        return {_stage(recipe): network, **after}
    areas = areas_record(recipe.spn.areas)
    spn = {"areas": areas, "foreground": recipe.spn.foreground, "steps": recipe.spn.steps, **settings}
    return {"spn": spn, _stage(recipe): network, **after}


def _stage(recipe: ChangeRecipe) -> str:
    return "siamese" if recipe.preset == "siamese" else "scn"


def _describe(recipe: ChangeRecipe) -> str:
    parts = []
    if recipe.spn is not None:
        areas = describe_areas(areas_record(recipe.spn.areas))
        parts.append(f"The prior network: {areas}; foreground: classes {', '.join(map(str, recipe.spn.foreground))}.")
    parts.append(f"The change network: {_describe_pairs(recipe.areas)}.")
    parts.append(f"Scores in percent on pairs kept out of training: {_describe_pairs(recipe.validation)}.")
    return " ".join(parts)


def _describe_pairs(areas: ChangeAreas) -> str:
    if isinstance(areas, SimulatedPairs):
        size = f"{areas.kilometres:g} x {areas.kilometres:g} km"
        parts = {"of two seasons": areas.seeds, "as updates compare them": areas.years}
        listed = [f"{what}: seeds {', '.join(map(str, seeds))}" for what, seeds in parts.items() if seeds]
        return f"pairs of mosaics of simulated worlds of {size}, {'; '.join(listed)}"
    return "a labelled change set" + ("" if areas.include == ["*"] else f", of it {', '.join(areas.include)}")

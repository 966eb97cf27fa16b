"""The folder of a model: model_index.json, coarse/ and, if there are some, refiner/ and scheduler/."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import diffusers

from idgbr.checkpoint import load_network, load_weights
from idgbr.coarse import KINDS, CoarseNetwork, NetworkCode, Wrapped
from idgbr.errors import CheckpointError, InputError
from idgbr.json_file import read_json
from idgbr.processes import schedulers
from idgbr.refiners.refiner import Refiner
from idgbr.settings import Settings, read_settings
from idgbr.values import check_choice, short

if TYPE_CHECKING:
    from idgbr.refiners.sd15 import SD15Refiner

AnyRefiner: TypeAlias = "Refiner | SD15Refiner"

INDEX, CLASS_NAME = "model_index.json", "IDGBRPipeline"
SCHEDULER = "scheduler/scheduler_config.json"


def save(folder: Path, settings: Settings, coarse: CoarseNetwork, refiner: AnyRefiner | None, scheduler: Any) -> None:
    coarse.save_pretrained(folder / "coarse")
    if refiner is not None:
        refiner.save_pretrained(folder / "refiner")
    if scheduler is not None:
        (folder / SCHEDULER).parent.mkdir(exist_ok=True)
        about = {"_class_name": type(scheduler).__name__, "_diffusers_version": diffusers.__version__}
        (folder / SCHEDULER).write_text(json.dumps(about | schedulers.config(scheduler), indent=2) + "\n")
    index = {
        "_class_name": CLASS_NAME,
        "refiner": refiner and type(refiner).__name__,
        "scheduler": scheduler and type(scheduler).__name__,
    }
    (folder / INDEX).write_text(json.dumps(index | asdict(settings), indent=2) + "\n")


def load(
    folder: Path, coarse: CoarseNetwork | None, code: NetworkCode | None
) -> tuple[Settings, CoarseNetwork, AnyRefiner | None, Any]:
    """coarse: a network to fill with the saved weights; code: builds it, in its place. Raises CheckpointError.

    The last is the scheduler of a diffusion, for the others None.
    """
    index = read_json(folder, INDEX, CLASS_NAME)
    index.pop("_class_name")
    refiner, scheduler, solver = (index.pop(key, None) for key in ("refiner", "scheduler", "solver"))
    try:
        settings = read_settings(index)
    except (TypeError, KeyError, ValueError) as error:
        raise CheckpointError(f"{folder / INDEX} has wrong settings: {error}") from error
    if coarse is None:
        coarse = _load_coarse(folder / "coarse", settings, code)
    else:
        coarse = load_weights(coarse, folder / "coarse")
    network = None if refiner is None else _load_refiner(refiner, folder)
    return settings, coarse, network, _load_scheduler(scheduler, solver, network, folder)


def _load_coarse(folder: Path, settings: Settings, code: NetworkCode | None) -> CoarseNetwork:
    own = None if code is None else code.network(len(settings.bands), len(settings.classes))
    own_names = {Wrapped.__name__} if own is None else {type(own).__name__}
    kind = read_json(folder, "config.json", *KINDS, *own_names)["_class_name"]
    if kind in KINDS:
        if code is not None:
            raise CheckpointError(f"{folder} holds a {kind}, which is no network of one's own; leave 'code' out")
        return load_network(KINDS, folder)
    if own is None:
        raise CheckpointError(
            f"{folder} holds a network of one's own, whose code is not taken from a model folder; name the function "
            "that builds it, as in code: nets.py:build (--code nets.py:build)"
        )
    return load_weights(own, folder)


def _load_refiner(name: Any, folder: Path) -> AnyRefiner:
    """Diffusers' own U-Net takes seconds to import, so only for those who use it."""
    if name == "Refiner":
        return load_network({"Refiner": Refiner}, folder / "refiner")
    if name != "SD15Refiner":
        raise CheckpointError(
            f"{folder / INDEX} names the refiner {short(name)}, but only Refiner and SD15Refiner are known"
        )
    from idgbr.refiners.sd15 import SD15Refiner

    return load_network({"SD15Refiner": SD15Refiner}, folder / "refiner")


def _load_scheduler(name: Any, solver: Any, refiner: AnyRefiner | None, folder: Path) -> Any:
    """solver: the key of before there were schedulers, which folders of all processes have; ddim was its default."""
    process = None if refiner is None else refiner.config["process"]
    if refiner is None or process != "diffusion":
        if name is not None or solver not in (None, "ddim"):
            what = f"the scheduler {short(name)}" if name is not None else f"the solver {short(solver)}"
            raise CheckpointError(
                f"{folder / INDEX} names {what}, but only a refiner of the process diffusion walks by one; take it out"
            )
        return None
    if name is not None and solver is not None:
        raise CheckpointError(f"{folder / INDEX} has a solver beside its scheduler, which says it; take solver out")
    path, prediction = folder / INDEX, refiner.config["prediction"]
    try:
        if name is None:
            return schedulers.of_solver("ddim" if solver is None else solver, prediction)
        check_choice("scheduler", name, tuple(schedulers.MODULES))
        path = folder / SCHEDULER
        content = read_json(path.parent, path.name, name)
        return schedulers.make(name, content, prediction)
    except InputError as error:
        raise CheckpointError(f"{path}: {error}") from error
